ALTER TABLE "models" DROP COLUMN "name";

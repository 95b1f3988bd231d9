ALTER TABLE "models" ADD COLUMN "label" TEXT;
UPDATE "models" SET "label" = lower("name");
ALTER TABLE "models" ALTER COLUMN "label" SET NOT NULL;

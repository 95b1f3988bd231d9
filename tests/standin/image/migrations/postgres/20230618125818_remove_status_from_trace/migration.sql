ALTER TABLE "traces" DROP COLUMN "status",
DROP COLUMN "status_message";

DROP TABLE "old"
DROP TABLE IF EXISTS "old", "absent"
DROP INDEX CONCURRENTLY IF EXISTS "i"
DROP TYPE IF EXISTS "Kind"
DROP VIEW summary
ALTER TABLE "traces" DROP CONSTRAINT "c"
ALTER TABLE "traces" ADD COLUMN "x" TEXT; UPDATE "traces" SET "x" = to_json("name"); ALTER TABLE "traces" DROP "x"
CREATE TABLE "t" ("id" TEXT); DELETE FROM "t" WHERE "id" = 'x'; DROP TABLE "t"
DELETE FROM "background_migrations" WHERE "script" IN ('a', 'b')
ALTER TABLE "old" RENAME COLUMN "id" TO "key"
TRUNCATE old RESTART IDENTITY

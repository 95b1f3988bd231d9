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
CREATE TYPE "New" AS ENUM ('A'); ALTER TABLE "traces" ALTER COLUMN "name" TYPE "New" USING ("name"::text::"New")
ALTER TYPE "Kind" RENAME TO "Kind_old"; CREATE TYPE "Kind" AS ENUM ('A'); ALTER TABLE traces ALTER COLUMN name DROP DEFAULT, ALTER COLUMN name TYPE "Kind" USING name::"Kind", ALTER COLUMN name SET DEFAULT 'A'::"Kind"; DROP TYPE "Kind_old"
ALTER TABLE traces ADD COLUMN x text; WITH "y" AS (SELECT DISTINCT ON (s.id) s.id, s.name FROM scores AS s ORDER BY s.id) UPDATE "traces" AS "t" SET "x" = "y"."name" FROM "y" WHERE "y"."id" = "t"."id"
WITH y AS (SELECT id, row_number() OVER (PARTITION BY id) AS n FROM old) DELETE FROM old WHERE id IN (SELECT id FROM y WHERE n > 1)
ALTER INDEX "a" RENAME TO "b"
ALTER TYPE "langfuse"."Kind" RENAME TO "Kind_old"; CREATE TYPE "langfuse"."Kind" AS ENUM ('A'); ALTER TABLE "langfuse"."traces" ALTER COLUMN "name" TYPE "langfuse"."Kind" USING ("name"::text::"langfuse"."Kind"); DROP TYPE "langfuse"."Kind_old"
CREATE TYPE "Kind_new" AS ENUM ('A'); ALTER TABLE traces ALTER COLUMN name TYPE "Kind_new" USING (name::text::"Kind_new"); ALTER TYPE "Kind" RENAME TO "Kind_old"; ALTER TYPE "Kind_new" RENAME TO "Kind"; DROP TYPE "Kind_old"
CREATE TYPE "New" AS ENUM ('A'); ALTER TYPE "New" RENAME TO "Newer"; ALTER TABLE traces ALTER COLUMN name TYPE "Newer" USING name::text::"Newer"
DO $$ DECLARE n int; BEGIN SELECT count(*) INTO n FROM traces; IF n > 0 THEN DELETE FROM background_migrations; END IF; END $$

CREATE TABLE "prompts" (
    "id" TEXT NOT NULL,
    "project_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "type" TEXT NOT NULL DEFAULT 'text',
    "prompt_text" TEXT,
    "labels" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "prompts_pkey" PRIMARY KEY ("id")
);
ALTER TABLE "prompts" ADD COLUMN "prompt" JSONB;
UPDATE "prompts" SET "prompt" = to_json("prompt_text");
ALTER TABLE "prompts" DROP COLUMN "prompt_text";
CREATE UNIQUE INDEX "prompts_project_id_name_version_key" ON "prompts"("project_id", "name", "version");

CREATE TABLE "pending_deletions" (
    "id" TEXT NOT NULL,
    "project_id" TEXT NOT NULL,
    "object" TEXT NOT NULL,
    "object_id" TEXT NOT NULL,
    "is_deleted" BOOLEAN NOT NULL DEFAULT false,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "pending_deletions_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "pending_deletions_project_id_object_is_deleted_idx"
    ON "pending_deletions"("project_id", "object", "is_deleted");

CREATE TABLE "media" (
    "id" TEXT NOT NULL,
    "project_id" TEXT NOT NULL,
    "sha_256_hash" CHAR(44) NOT NULL,
    "bucket_path" TEXT NOT NULL,
    "bucket_name" TEXT NOT NULL,
    "content_type" TEXT NOT NULL,
    "content_length" BIGINT NOT NULL,
    "uploaded_at" TIMESTAMP(3),
    "upload_http_status" INTEGER,
    "upload_http_error" TEXT,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE UNIQUE INDEX "media_project_id_id_key" ON "media"("project_id", "id");
CREATE UNIQUE INDEX "media_project_id_sha_256_hash_key" ON "media"("project_id", "sha_256_hash");
CREATE TABLE "trace_media" (
    "id" TEXT NOT NULL,
    "project_id" TEXT NOT NULL,
    "media_id" TEXT NOT NULL,
    "trace_id" TEXT NOT NULL,
    "field" TEXT NOT NULL,
    CONSTRAINT "trace_media_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "trace_media_project_id_trace_id_media_id_field_key"
    ON "trace_media"("project_id", "trace_id", "media_id", "field");

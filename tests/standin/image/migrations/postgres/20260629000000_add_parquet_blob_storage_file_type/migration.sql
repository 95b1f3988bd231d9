CREATE TYPE "BlobStorageIntegrationFileType" AS ENUM ('JSON', 'CSV', 'JSONL');
ALTER TYPE "BlobStorageIntegrationFileType" ADD VALUE IF NOT EXISTS 'PARQUET';

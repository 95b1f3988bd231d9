ALTER TABLE "api_keys" RENAME COLUMN "publishable_key" TO "public_key";
ALTER INDEX "api_keys_publishable_key_key" RENAME TO "api_keys_public_key_key";

ALTER TABLE "api_keys" ADD COLUMN "fast_hashed_secret_key" TEXT;
CREATE UNIQUE INDEX "api_keys_fast_hashed_secret_key_key" ON "api_keys"("fast_hashed_secret_key");

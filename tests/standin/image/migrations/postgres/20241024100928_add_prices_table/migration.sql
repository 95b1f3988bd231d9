CREATE TABLE "prices" (
    "id" TEXT NOT NULL,
    "model_id" TEXT NOT NULL,
    "usage_type" TEXT NOT NULL,
    "price" DECIMAL(65, 30) NOT NULL,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "prices_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "prices_model_id_usage_type_key" ON "prices"("model_id", "usage_type");

CREATE TEMPORARY TABLE "new_prices" AS
SELECT "id" || '-' || t.usage_type AS "id", "id" AS "model_id", t.usage_type, 0::DECIMAL AS "price"
FROM "models" CROSS JOIN (VALUES ('input'), ('output')) AS t(usage_type);
INSERT INTO "prices" ("id", "model_id", "usage_type", "price") SELECT "id", "model_id", "usage_type", "price" FROM "new_prices";
DROP TABLE "new_prices";

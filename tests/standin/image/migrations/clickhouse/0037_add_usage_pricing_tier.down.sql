ALTER TABLE observations DROP COLUMN IF EXISTS usage_pricing_tier_name;

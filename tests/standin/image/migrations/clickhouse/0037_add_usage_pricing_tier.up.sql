ALTER TABLE observations ADD COLUMN IF NOT EXISTS usage_pricing_tier_name Nullable(String) AFTER cost_details;

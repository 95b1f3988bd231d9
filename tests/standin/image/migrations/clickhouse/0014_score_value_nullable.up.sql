ALTER TABLE scores MODIFY COLUMN value Nullable(Float64);

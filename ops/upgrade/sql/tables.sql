-- Tables whose rows must all be there afterwards: what a TTL takes away is not among them.
SELECT name, engine LIKE '%Replacing%' OR engine LIKE '%Collapsing%' FROM system.tables
WHERE database = {database:String} AND engine LIKE '%MergeTree' AND engine_full NOT LIKE '% TTL %' ORDER BY name

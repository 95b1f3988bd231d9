-- Every table and view of Langfuse's database, and the rows it holds itself: NULL where its engine does not say.
SELECT name, engine, total_rows, toString(uuid) FROM system.tables
WHERE database = {database:String} AND NOT is_temporary ORDER BY name

-- The mark tells this data from any other, whose it is, and which keys it was written with. It stands in the schema's comment, behind what may be there
-- already: dumps carry it along, and an empty schema has none.
DO $mark$
DECLARE
    present text := obj_description(to_regnamespace({schema_text}), 'pg_namespace');
BEGIN
    IF present IS NULL OR present !~ '\mlangfuse-stack:[0-9a-f-]{{36}}' THEN
        EXECUTE format('COMMENT ON SCHEMA %I IS %L', {schema_text},
                       concat_ws(' ', present, 'langfuse-stack:' || gen_random_uuid()));
        present := obj_description(to_regnamespace({schema_text}), 'pg_namespace');
    END IF;
    IF present !~ '\mowner:[0-9a-f]{{16}}' THEN
        present := present || ' owner:' || {owner_text};
        EXECUTE format('COMMENT ON SCHEMA %I IS %L', {schema_text}, present);
    END IF;
    IF present !~ '\mkeys:[0-9a-f]{{32}}' AND {keys_text} IS NOT NULL THEN
        EXECUTE format('COMMENT ON SCHEMA %I IS %L', {schema_text}, present || ' keys:' || {keys_text});
    END IF;
END
$mark$;

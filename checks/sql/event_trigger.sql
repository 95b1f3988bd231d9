-- Nothing outside Langfuse's schema is dropped or rewritten in this database, whoever asks: only a superuser who first
-- disables the trigger can. Additive: made or brought up to date, never dropped.
CREATE SCHEMA IF NOT EXISTS langfuse_guard;
CREATE OR REPLACE FUNCTION langfuse_guard.refuse_drop() RETURNS event_trigger LANGUAGE plpgsql
SET search_path = pg_catalog AS $guard$
DECLARE
    victim text;
BEGIN
    SELECT format('%s %s', object_type, object_identity) INTO victim FROM pg_event_trigger_dropped_objects()
    WHERE (original OR normal) AND NOT is_temporary
      AND (object_type = 'schema' OR coalesce(schema_name, address_names[1], '') <> {schema_text})
    LIMIT 1;
    IF victim IS NOT NULL THEN
        RAISE EXCEPTION 'langfuse-stack keeps %: only what is inside schema % may be dropped', victim, {schema_text}
            USING HINT = 'ALTER EVENT TRIGGER langfuse_refuse_drop DISABLE, as superuser, after a backup';
    END IF;
END
$guard$;
CREATE OR REPLACE FUNCTION langfuse_guard.refuse_rewrite() RETURNS event_trigger LANGUAGE plpgsql
SET search_path = pg_catalog AS $guard$
DECLARE
    victim text;
BEGIN
    SELECT c.oid::regclass::text INTO victim FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = pg_event_trigger_table_rewrite_oid() AND c.relpersistence <> 't' AND n.nspname <> {schema_text};
    IF victim IS NOT NULL THEN
        RAISE EXCEPTION 'langfuse-stack keeps table %: only what is inside schema % may be rewritten', victim, {schema_text}
            USING HINT = 'ALTER EVENT TRIGGER langfuse_refuse_rewrite DISABLE, as superuser, after a backup';
    END IF;
END
$guard$;
DO $absent$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'langfuse_refuse_drop') THEN
        CREATE EVENT TRIGGER langfuse_refuse_drop ON sql_drop EXECUTE FUNCTION langfuse_guard.refuse_drop();
    END IF;
    IF NOT EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'langfuse_refuse_rewrite') THEN
        CREATE EVENT TRIGGER langfuse_refuse_rewrite ON table_rewrite EXECUTE FUNCTION langfuse_guard.refuse_rewrite();
    END IF;
END
$absent$;

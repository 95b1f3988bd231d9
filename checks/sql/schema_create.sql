-- Additive by construction: creates what is absent, adopts what is there, drops nothing.
-- Identifiers and the password are quoted by the driver; the role owns its schema and nothing else.
SELECT pg_advisory_xact_lock(hashtext('langfuse-stack'));
DO $absent$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {role_text}) THEN
        CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT NOREPLICATION;
    END IF;
END
$absent$;
ALTER ROLE {role} PASSWORD {password};
ALTER ROLE {role} IN DATABASE {database} SET search_path = {schema};
GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {role};
GRANT {role} TO CURRENT_USER;
CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {role};
ALTER DEFAULT PRIVILEGES FOR ROLE {role} IN SCHEMA {schema} REVOKE ALL ON TABLES FROM PUBLIC;

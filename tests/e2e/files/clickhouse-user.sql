CREATE DATABASE langfuse;
CREATE USER jane IDENTIFIED BY '{password}';
GRANT ALL ON langfuse.* TO jane;
GRANT S3 ON *.* TO jane;
GRANT SELECT ON system.parts TO jane;
GRANT SELECT ON system.mutations TO jane;
GRANT SELECT ON system.tables TO jane;
GRANT SELECT ON system.processes TO jane;
GRANT SELECT ON system.query_log TO jane;

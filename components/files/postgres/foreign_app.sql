-- Stands for somebody else's data in the same database, so that "untouched" can be shown.
CREATE SCHEMA IF NOT EXISTS app;
CREATE TABLE IF NOT EXISTS app.customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO app.customers (email)
VALUES ('ada@example.com'), ('grace@example.com'), ('edsger@example.com')
ON CONFLICT DO NOTHING;

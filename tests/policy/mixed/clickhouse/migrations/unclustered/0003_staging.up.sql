CREATE TABLE staging (id String) ENGINE = MergeTree ORDER BY id;
INSERT INTO staging SELECT id FROM traces;
DROP TABLE staging;

CREATE TABLE staging ON CLUSTER default (id String) ENGINE = MergeTree ORDER BY id;
INSERT INTO staging SELECT id FROM traces;
DROP TABLE staging ON CLUSTER default;

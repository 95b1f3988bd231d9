DROP TABLE traces ON CLUSTER default;

CREATE TABLE project_environments
(
    project_id String,
    environments SimpleAggregateFunction(groupUniqArrayArray, Array(String))
)
ENGINE = AggregatingMergeTree
ORDER BY project_id;

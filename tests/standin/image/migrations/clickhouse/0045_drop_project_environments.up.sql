DROP TABLE IF EXISTS project_environments;

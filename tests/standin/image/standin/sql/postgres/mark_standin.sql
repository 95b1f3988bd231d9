CREATE TABLE IF NOT EXISTS {schema}."langfuse_standin" (note TEXT PRIMARY KEY)

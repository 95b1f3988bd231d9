SELECT id, provider, adapter, display_secret_key FROM {schema}."llm_api_keys" WHERE project_id = %(project_id)s

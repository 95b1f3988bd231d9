INSERT INTO {schema}."llm_api_keys" (id, project_id, provider, adapter, secret_key, display_secret_key)
VALUES (%(id)s, %(project_id)s, %(provider)s, %(adapter)s, %(secret_key)s, %(display)s)
ON CONFLICT (project_id, provider) DO UPDATE
SET secret_key = EXCLUDED.secret_key, display_secret_key = EXCLUDED.display_secret_key, updated_at = now()

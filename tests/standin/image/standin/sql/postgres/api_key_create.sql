INSERT INTO {schema}."api_keys"
    (id, note, public_key, hashed_secret_key, fast_hashed_secret_key, display_secret_key, project_id)
VALUES (%(id)s, 'Provisioned API Key', %(public_key)s, %(slow_hash)s, %(fast_hash)s, %(display)s, %(project_id)s)

SELECT k.id, k.public_key, k.project_id, p.org_id, k.hashed_secret_key
FROM {schema}."api_keys" AS k
JOIN {schema}."projects" AS p ON p.id = k.project_id
WHERE k.public_key = %(public_key)s AND (k.expires_at IS NULL OR k.expires_at > now())

UPDATE {schema}."api_keys" SET fast_hashed_secret_key = %(hash)s WHERE id = %(id)s

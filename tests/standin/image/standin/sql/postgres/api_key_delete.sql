DELETE FROM {schema}."api_keys" WHERE public_key = %(public_key)s

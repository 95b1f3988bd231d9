SELECT id, password FROM {schema}."users" WHERE email = %(email)s

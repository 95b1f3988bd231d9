INSERT INTO {schema}."users" (id, name, email, password) VALUES (%(id)s, %(name)s, %(email)s, %(password)s)

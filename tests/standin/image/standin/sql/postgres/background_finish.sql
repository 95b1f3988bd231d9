UPDATE {schema}."background_migrations" SET finished_at = now(), worker_id = %(worker)s, locked_at = NULL WHERE id = %(id)s

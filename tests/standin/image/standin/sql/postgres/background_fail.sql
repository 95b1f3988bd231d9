UPDATE {schema}."background_migrations" SET failed_at = now(), failed_reason = %(reason)s, worker_id = %(worker)s WHERE id = %(id)s

UPDATE {schema}."_prisma_migrations" SET finished_at = now(), applied_steps_count = 1 WHERE id = %(id)s

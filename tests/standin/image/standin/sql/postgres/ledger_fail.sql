UPDATE {schema}."_prisma_migrations" SET logs = %(logs)s WHERE id = %(id)s

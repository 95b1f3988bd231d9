SELECT count(*), coalesce(sum(('x' || left(md5(row_::text), 15))::bit(60)::bigint), 0)::text FROM {table} AS row_

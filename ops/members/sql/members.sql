SELECT u."email", coalesce(u."name", ''), o."name", m."role"::text, u."created_at"
FROM {schema}."users" u
LEFT JOIN {schema}."organization_memberships" m ON m."user_id" = u."id"
LEFT JOIN {schema}."organizations" o ON o."id" = m."org_id"
ORDER BY o."name" NULLS LAST, u."email"

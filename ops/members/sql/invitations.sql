SELECT i."email", '', o."name", i."org_role"::text, i."created_at"
FROM {schema}."membership_invitations" i
LEFT JOIN {schema}."organizations" o ON o."id" = i."org_id"
ORDER BY o."name" NULLS LAST, i."email"

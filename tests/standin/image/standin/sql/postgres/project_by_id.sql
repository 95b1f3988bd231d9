SELECT p.id, p.name, o.id AS org_id, o.name AS org_name
FROM {schema}."projects" AS p
JOIN {schema}."organizations" AS o ON o.id = p.org_id
WHERE p.id = %(id)s

SELECT p.name, array_agg(p.version ORDER BY p.version) AS versions
FROM prompts AS p
WHERE p.project_id = %(project_id)s
GROUP BY p.name
ORDER BY p.name

INSERT INTO {schema}."organization_memberships" (id, org_id, user_id, role)
VALUES (%(id)s, %(org_id)s, %(user_id)s, 'OWNER')
ON CONFLICT (org_id, user_id) DO UPDATE SET role = 'OWNER'

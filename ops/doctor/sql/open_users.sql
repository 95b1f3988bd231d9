SELECT name FROM system.users WHERE has(auth_type, 'no_password') ORDER BY name

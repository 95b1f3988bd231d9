-- Nobody but its own role and administrators may enter.
REVOKE CONNECT, TEMPORARY ON DATABASE {database} FROM PUBLIC;

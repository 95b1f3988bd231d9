SELECT privilege, parent_group FROM system.privileges

BACKUP DATABASE `$database` TO $place SETTINGS id = '$id'$base ASYNC

RESTORE DATABASE `$database` AS `$into`$everywhere FROM $place SETTINGS id = '$id', $how ASYNC

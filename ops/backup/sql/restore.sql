RESTORE DATABASE `$database` AS `$into` FROM S3('$url') SETTINGS id = '$id', $how ASYNC

RESTORE DATABASE `$database` AS `$into`$everywhere FROM S3('$url') SETTINGS id = '$id', $how ASYNC

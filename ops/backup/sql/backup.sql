BACKUP DATABASE `$database` TO S3('$url') SETTINGS id = '$id'$base ASYNC

"""Troubles with the object store that a log shows."""

from ops.doctor.row import Part, logged

ROWS = (
    logged(
        "store-ca",
        Part.STORE,
        "Failed to upload JSON to S3 …: unable to get local issuer certificate",
        "the object store presents a certificate of a CA that the service does not know",
        "name the CA's file in `langfuse-stack:caBundle`, then `make up`. Do not turn the check off",
    ),
    logged(
        "store-full",
        Part.STORE,
        "XMinioStorageFull: Storage backend has reached its minimum free drive threshold",
        "the disk of the object store is full, or a bucket has reached its quota: new events are refused",
        "{larger_disk minio}; nothing that is stored has to go for it. Send the refused events again",
    ),
    logged(
        "store-region",
        Part.STORE,
        "AuthorizationHeaderMalformed: the region … is wrong; expecting …",
        "the region that Langfuse was given for the bucket is not the bucket's",
        "set the region to {region}: LANGFUSE_S3_EVENT_UPLOAD_REGION, LANGFUSE_S3_MEDIA_UPLOAD_REGION and "
        "LANGFUSE_S3_BATCH_EXPORT_REGION in `langfuse:extraEnv`, then `make up`",
    ),
    logged(
        "store-credentials",
        Part.STORE,
        "CredentialsProviderError: Could not load credentials from any providers",
        "web or worker has no S3 credentials, or those of a role that ended",
        "set the access key variables (LANGFUSE_S3_EVENT_UPLOAD_ACCESS_KEY_ID and …_SECRET_ACCESS_KEY, likewise for "
        "media and exports) on web and worker, or give the machine a role that may use the bucket; with the stack's "
        "own "
        "store: take LANGFUSE_S3_* out of `langfuse:extraEnv`, then `make up`",
    ),
    logged(
        "store-key",
        Part.STORE,
        "SignatureDoesNotMatch; InvalidAccessKeyId",
        "the store knows another access key or secret than Langfuse has, or a proxy changes the Host header",
        "`make up` sets the stack's own key; for a foreign store correct the access key and the secret of web and "
        "worker",
    ),
    logged(
        "store-denied",
        Part.STORE,
        "AccessDenied: Access Denied",
        "the access key may not do this with the bucket",
        "allow the policy of the key (or role) s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket on "
        "Langfuse's buckets and their prefixes; the stack's own key gets its policy from `make up`",
    ),
    logged(
        "store-clock",
        Part.STORE,
        "RequestTimeTooSkewed: The difference between the request time and the server's time is too large",
        "the clocks of the service's and the store's machines differ by more than 15 minutes",
        "synchronise the time of both machines (NTP: chrony or systemd-timesyncd); after sleep, restart a virtual "
        "machine's clock",
    ),
    logged(
        "store-busy",
        Part.STORE,
        "SlowDown: Please reduce your request rate; XMinioServerNotInitialized; write quorum",
        "the object store cannot keep up, still starts, or has lost drives",
        "`make status`, {log minio}; give it a faster disk, and see that all of its drives are online. Uploads are "
        "tried "
        "again",
        tolerated=5,
    ),
    logged(
        "store-encryption",
        Part.STORE,
        "Server side encryption specified but KMS is not configured",
        "Langfuse asks for encryption at rest, and the store has no key server for it",
        "take LANGFUSE_S3_EVENT_UPLOAD_SSE and its like out of `langfuse:extraEnv`, then `make up`; or configure a KMS "
        "in the store",
    ),
    logged(
        "store-folder",
        Part.STORE,
        "Unable to write to the backend; file access denied",
        "MinIO may not write its data folder: the volume belongs to another user",
        "give the volume to the user that MinIO runs as, then {restart minio}. The data stays where it is",
    ),
    logged(
        "store-name-long",
        Part.STORE,
        "KeyTooLongError; XMinioInvalidObjectName; file name too long",
        "an id that an application chose makes an object's name longer than the store takes",
        "shorten trace and observation ids in the application, or set LANGFUSE_S3_EVENT_KEY_MAX_SEGMENT_BYTES in "
        "`langfuse:extraEnv`, then `make up`",
    ),
)

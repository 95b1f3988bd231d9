"""Variables of Langfuse that the stack sets, or that lead to other data: nobody may set them beside it.

A test compares them with what the program gives web and worker.
"""

from collections.abc import Iterable, Mapping

from components.releases import BACKFILL, WRITE_MODE

VAULT, ITSELF = "the vault", "the stack itself"
_BUCKETS = {
    f"LANGFUSE_S3_{use}_{what}": ITSELF
    for use in ("EVENT_UPLOAD", "MEDIA_UPLOAD", "BATCH_EXPORT")
    for what in (
        "ACCESS_KEY_ID",
        "BUCKET",
        "ENDPOINT",
        "FORCE_PATH_STYLE",
        "PREFIX",
        "REGION",
        "SECRET_ACCESS_KEY",
    )
}
_REDIS = {
    f"REDIS_{what}": VAULT
    for what in (
        *("AUTH", "CONNECTION_STRING", "HOST", "PORT", "USERNAME"),
        *("CLUSTER_ENABLED", "CLUSTER_NODES"),
        *("SENTINEL_ENABLED", "SENTINEL_MASTER_NAME", "SENTINEL_NODES", "SENTINEL_PASSWORD", "SENTINEL_USERNAME"),
    )
}
_POSTGRES = {
    **dict.fromkeys(("DATABASE_URL", "DIRECT_URL", "SHADOW_DATABASE_URL"), VAULT),
    **{f"DATABASE_{what}": VAULT for what in ("ARGS", "HOST", "NAME", "PASSWORD", "USERNAME")},
}
_FIRST_PROJECT = {
    f"LANGFUSE_INIT_{what}": setting
    for what, setting in {
        "ORG_ID": "langfuse:organization",
        "ORG_NAME": "langfuse:organization",
        "PROJECT_ID": "langfuse:project",
        "PROJECT_NAME": "langfuse:project",
        "PROJECT_PUBLIC_KEY": ITSELF,
        "PROJECT_SECRET_KEY": ITSELF,
        "USER_EMAIL": "langfuse:owner",
        "USER_NAME": "langfuse:owner",
        "USER_PASSWORD": ITSELF,
    }.items()
}
RESERVED: Mapping[str, str] = {
    **_BUCKETS,
    **_REDIS,
    **_POSTGRES,
    **_FIRST_PROJECT,
    "AUTH_DISABLE_SIGNUP": "langfuse:signUp",
    "CLICKHOUSE_CLUSTER_ENABLED": "clickhouse:replicas",
    "CLICKHOUSE_CLUSTER_NAME": "clickhouse:replicas",
    "CLICKHOUSE_DB": "clickhouse:database",
    "CLICKHOUSE_EVENTS_READ_ONLY_URL": ITSELF,
    "CLICKHOUSE_MIGRATION_SSL": ITSELF,
    "CLICKHOUSE_MIGRATION_URL": ITSELF,
    "CLICKHOUSE_PASSWORD": ITSELF,
    "CLICKHOUSE_READ_ONLY_URL": ITSELF,
    "CLICKHOUSE_URL": ITSELF,
    "CLICKHOUSE_USER": ITSELF,
    "ENCRYPTION_KEY": VAULT,
    "HOSTNAME": ITSELF,
    "LANGFUSE_BACKGROUND_MIGRATION_V4_DROP_PID_TID_SORTING_TABLES": ITSELF,
    "LANGFUSE_LOG_LEVEL": "langfuse:logLevel",
    "LANGFUSE_MIGRATION_V4_ALLOW_PREVIEW_OPT_IN": "langfuse:writeMode",
    "LANGFUSE_MIGRATION_V4_NATIVE_OTEL_BEHAVIOUR": "langfuse:writeMode",
    "LANGFUSE_S3_BATCH_EXPORT_ENABLED": ITSELF,
    "LANGFUSE_S3_BATCH_EXPORT_EXTERNAL_ENDPOINT": "minio:publicUrl",
    "LANGFUSE_S3_EVENT_KEY_MAX_SEGMENT_BYTES": ITSELF,
    "LANGFUSE_USE_AZURE_BLOB": ITSELF,
    "LANGFUSE_USE_GOOGLE_CLOUD_STORAGE": ITSELF,
    "LANGFUSE_USE_OCI_NATIVE_OBJECT_STORAGE": ITSELF,
    "NEXTAUTH_SECRET": VAULT,
    "NEXTAUTH_URL": "langfuse:publicUrl",
    "PORT": "langfuse:webPort and langfuse:workerPort",
    "REDIS_KEY_PREFIX": "redis:keyPrefix",
    "SALT": VAULT,
    "TELEMETRY_ENABLED": "langfuse:telemetry",
    BACKFILL: "langfuse:backfill",
    WRITE_MODE: "langfuse:writeMode",
}
"""Name to what sets it."""


def taken(names: Iterable[str]) -> str:
    """Which of these names are not free, and what sets each; empty when all are."""
    return "; ".join(f"{name} is set by {RESERVED[name]}" for name in sorted(names) if name in RESERVED)

"""Names that the product promises never to change, for every test that holds it to them."""

OUTPUTS = frozenset(
    {
        "langfuse_url",
        "gateway_url",
        "gateway_master_key",
        "langfuse_public_key",
        "langfuse_secret_key",
        "organization_id",
        "organization_name",
        "owner_email",
        "owner_password",
        "clickhouse_url",
        "minio_endpoint",
        "release",
        "images",
        "checks",
        "gateway_env",
    }
)
"""The stack's outputs."""

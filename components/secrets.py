"""Every secret of the stack: generated once, protected, never shown, never a default."""

import pulumi
import pulumi_random as random

from components.base import Component

HEX_DIGITS = 64
"""Of a generated secret, 32 bytes."""


class StackSecrets(Component):
    """All generated secrets. Each opens data or decrypts it, so each is declared as data.

    All values are alphanumeric: they travel through URLs and through Langfuse's migration script unescaped.

    Args:
        clustered: whether ClickHouse is a cluster.
    """

    stack_id: pulumi.Output[str]
    """Identity of the stack; not a secret. Tells its containers from those of another stack on the same machine."""
    clickhouse_password: pulumi.Output[str]
    """Password of Langfuse's user, 64 hexadecimal digits."""
    clickhouse_admin_password: pulumi.Output[str]
    """Password of the operator's user, who may look at and change everything but drops no table that holds rows."""
    minio_root_password: pulumi.Output[str]
    minio_app_secret_key: pulumi.Output[str]
    """Key of the application user, who may not delete buckets."""
    minio_backup_secret_key: pulumi.Output[str]
    """Key of the user that backups are written with, who may delete nothing."""
    postgres_admin_password: pulumi.Output[str]
    langfuse_role_password: pulumi.Output[str]
    """Password of the Postgres role that is confined to Langfuse's schema."""
    redis_password: pulumi.Output[str]
    nextauth_secret: pulumi.Output[str]
    salt: pulumi.Output[str]
    """Hashes API keys: changing it orphans every key."""
    encryption_key: pulumi.Output[str]
    """64 hexadecimal digits. Decrypts stored credentials: changing it makes them unreadable."""
    langfuse_public_key: pulumi.Output[str]
    """`pk-lf-…`; not a secret."""
    langfuse_secret_key: pulumi.Output[str]
    """`sk-lf-…`"""
    owner_password: pulumi.Output[str]
    gateway_master_key: pulumi.Output[str]
    """`sk-…`"""
    clickhouse_cluster_secret: pulumi.Output[str] | None
    """What the servers of a ClickHouse cluster know each other by; `None` for a single server."""

    def __init__(self, *, clustered: bool) -> None:
        super().__init__("secrets")
        self.stack_id = random.RandomId("stack-id", byte_length=8, opts=self.data()).hex
        self.clickhouse_password = self._hex("clickhouse-password")
        self.clickhouse_admin_password = self._hex("clickhouse-admin-password")
        self.minio_root_password = self._hex("minio-root-password")
        self.minio_app_secret_key = self._hex("minio-app-secret-key")
        self.minio_backup_secret_key = self._hex("minio-backup-secret-key")
        self.postgres_admin_password = self._hex("postgres-admin-password")
        self.langfuse_role_password = self._hex("langfuse-role-password")
        self.redis_password = self._hex("redis-password")
        self.nextauth_secret = self._hex("nextauth-secret")
        self.salt = self._hex("salt")
        self.encryption_key = self._hex("encryption-key")
        self.langfuse_public_key = pulumi.Output.concat(
            "pk-lf-", random.RandomId("langfuse-public-key", byte_length=16, opts=self.data()).hex
        )
        self.langfuse_secret_key = pulumi.Output.concat("sk-lf-", self._hex("langfuse-secret-key"))
        self.owner_password = random.RandomPassword(
            "owner-password",
            length=24,
            min_lower=1,
            min_upper=1,
            min_numeric=1,
            min_special=1,
            override_special="-_.",
            opts=self.data(),
        ).result
        self.gateway_master_key = pulumi.Output.concat("sk-", self._hex("gateway-master-key"))
        self.clickhouse_cluster_secret = self._hex("clickhouse-cluster-secret") if clustered else None
        self.register_outputs({})

    def _hex(self, name: str) -> pulumi.Output[str]:
        """64 hexadecimal digits. Not `RandomBytes`: its id is the value itself, and ids are never encrypted."""
        return random.RandomPassword(
            name,
            length=HEX_DIGITS,
            lower=False,
            upper=False,
            special=True,
            override_special="abcdef",
            opts=self.data(),
        ).result

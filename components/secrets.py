"""Every secret of the stack: generated once, protected, never shown, never a default."""

from collections.abc import Callable

import pulumi
import pulumi_random as random

from checks.data_keys import fingerprint_of
from components.base import Component
from settings import Settings, Vault
from settings.groups import Rotatable

HEX_DIGITS = 64
"""Of a generated secret, 32 bytes."""


def generation(name: str, number: int) -> str:
    """Logical name of a secret's resource in its `number`th generation; the first has the plain name."""
    return name if number == 1 else f"{name}-{number}"


class StackSecrets(Component):
    """All secrets in use: the vault's, else generated ones. Each opens data or decrypts it, so it is declared as data.

    All values are alphanumeric: they travel through URLs and through Langfuse's migration script unescaped.
    A rotated secret is another resource beside the one before; each generation stays declared.

    Args:
        settings: which generation of each is in use, and which parts of the stack need one.
        vault: what people keep instead.
    """

    stack_id: pulumi.Output[str]
    """Identity of the stack; not a secret. Tells its containers from those of another stack on the same machine."""
    owner: pulumi.Output[str]
    """Whose the stack's apps and data are: its own id, or the one that the vault takes over."""
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

    gateway_database_password: pulumi.Output[str] | None
    """Password of the Postgres role that is confined to the gateway's database; `None` without one."""

    data_keys: pulumi.Output[str]
    """Fingerprint of the keys that stored data depends on."""
    first: dict[str, pulumi.Output[str]]
    """Rotatable secret to its first generated one, by logical name."""

    def __init__(self, settings: Settings, vault: Vault) -> None:
        super().__init__("secrets")
        self._stack, self._vault = settings.stack, vault
        self.first = {}
        self._before: dict[str, pulumi.Output[str]] = {}
        self.stack_id = random.RandomId("stack-id", byte_length=8, opts=self.data()).hex
        self.owner = pulumi.Output.from_input(vault.stack_id) if vault.stack_id else self.stack_id
        self.clickhouse_password = _used(vault.clickhouse_password, self._newest("clickhouse-password", self._hex))
        self.clickhouse_admin_password = self._hex("clickhouse-admin-password")
        self.minio_root_password = _used(vault.minio_root_password, self._hex("minio-root-password"))
        self.minio_app_secret_key = self._newest("minio-app-secret-key", self._hex)
        self.minio_backup_secret_key = self._hex("minio-backup-secret-key")
        self.postgres_admin_password = self._hex("postgres-admin-password")
        self.langfuse_role_password = self._newest("langfuse-role-password", self._hex)
        self.redis_password = self._newest("redis-password", self._hex)
        self.nextauth_secret = _used(vault.nextauth_secret, self._newest("nextauth-secret", self._hex))
        self.salt = _used(vault.salt, self._hex("salt"))
        self.encryption_key = _used(vault.encryption_key, self._hex("encryption-key"))
        public_key = self._newest("langfuse-public-key", self._public_key, rotated="langfuse-keys")
        self.langfuse_public_key = _used(vault.langfuse_public_key, public_key)
        secret_key = self._newest("langfuse-secret-key", self._prefixed("sk-lf-"), rotated="langfuse-keys")
        self.langfuse_secret_key = _used(vault.langfuse_secret_key, secret_key)
        self.owner_password = _used(vault.owner_password, self._owner_password())
        master_key = self._newest("gateway-master-key", self._prefixed("sk-"))
        self.gateway_master_key = _used(vault.gateway_master_key, master_key)
        clustered = settings.clickhouse.clustered
        self.clickhouse_cluster_secret = self._hex("clickhouse-cluster-secret") if clustered else None
        has_database = settings.gateway.manages_database
        self.gateway_database_password = self._hex("gateway-database-password") if has_database else None
        both = pulumi.Output.all(self.salt, self.encryption_key)
        self.data_keys = both.apply(lambda keys: fingerprint_of(*keys))
        self.register_outputs({})

    def generation(self, name: Rotatable) -> int:
        """Generation of a secret that is in use; the vault's are all in their first."""
        held = getattr(self._vault, name.replace("-", "_"), None) is not None
        return 1 if held else self._stack.generation(name)

    def before(self, name: Rotatable) -> pulumi.Output[str] | None:
        """The generation before the one in use, while it is accepted too."""
        rotating = self._stack.rotating == name and self.generation(name) > 1
        return self._before[name] if rotating else None

    @property
    def langfuse_keys_before(self) -> tuple[pulumi.Output[str], pulumi.Output[str]] | None:
        """The project's pair of keys before the one in use, which Langfuse takes too until people delete it."""
        pair = [self._before.get(f"langfuse-{part}-key") for part in ("public", "secret")]
        return (pair[0], pair[1]) if pair[0] and pair[1] else None

    def _newest(
        self, name: str, make: Callable[[str], pulumi.Output[str]], *, rotated: str | None = None
    ) -> pulumi.Output[str]:
        """Declare every generation of a secret and return the newest, which is in use.

        Args:
            name: logical name of the first.
            make: declares one.
            rotated: what it is rotated as, where that is not its name.
        """
        newest = self._stack.generation(rotated or name)
        made = [make(generation(name, number)) for number in range(1, newest + 1)]
        self.first[name] = made[0]
        if len(made) > 1:
            self._before[name] = made[-2]
        return made[-1]

    def _owner_password(self) -> pulumi.Output[str]:
        return random.RandomPassword(
            "owner-password",
            length=24,
            min_lower=1,
            min_upper=1,
            min_numeric=1,
            min_special=1,
            override_special="-_.",
            opts=self.data(),
        ).result

    def _prefixed(self, prefix: str) -> Callable[[str], pulumi.Output[str]]:
        return lambda name: pulumi.Output.concat(prefix, self._hex(name))

    def _public_key(self, name: str) -> pulumi.Output[str]:
        return pulumi.Output.concat("pk-lf-", random.RandomId(name, byte_length=16, opts=self.data()).hex)

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


def _used(held: str | None, generated: pulumi.Output[str]) -> pulumi.Output[str]:
    """The vault's value, else the generated one, which exists in any case: a vault may lose a key again."""
    return generated if held is None else pulumi.Output.secret(held)

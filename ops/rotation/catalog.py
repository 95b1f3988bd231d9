"""Which secrets may be exchanged for new ones, what people notice of it, and why the others may not."""

from collections.abc import Mapping
from dataclasses import dataclass

from components.secrets import generation
from ops.session import RefusedError
from ops.state import State
from settings import Settings
from settings.groups import Rotatable


@dataclass(frozen=True)
class Secret:
    """One secret that may be rotated."""

    name: Rotatable
    resources: Mapping[str, str]
    """Logical name of each resource in its first generation, to what its value starts with."""
    noticed: str
    """What users and applications notice."""
    overlaps: bool = False
    """Whether the part takes the new and the old one while clients change over."""
    outlives: bool = False
    """Whether the one before stays valid until people take it away."""
    in_vault: str | None = None
    """Key of the vault that holds it, if the stack has a vault."""
    held_by: str | None = None
    """Setting whose value `external` says that it is a password of somebody else's server."""
    afterwards: str | None = None
    """What people still have to do."""

    def values(self, state: State, number: int) -> tuple[str, ...]:
        """The secret's parts in one generation, from a decrypted state.

        Raises:
            OpsError: there is no such generation.
        """
        parts = []
        for name, prefix in self.resources.items():
            outputs = state.resource(generation(name, number))["outputs"]
            field = "hex" if "hex" in outputs else "result"
            parts.append(prefix + str(state.output(generation(name, number), field)))
        return tuple(parts)

    def generation(self, settings: Settings) -> int:
        """The generation in use."""
        return settings.stack.generation(self.name)


SECRETS: Mapping[str, Secret] = {
    secret.name: secret
    for secret in (
        Secret(
            "clickhouse-password",
            {"clickhouse-password": ""},
            "ClickHouse restarts twice, so that pages of traces fail for some seconds; traces wait in the queue",
            overlaps=True,
            in_vault="CLICKHOUSE_PASSWORD",
            held_by="clickhouse:place",
        ),
        Secret(
            "gateway-master-key",
            {"gateway-master-key": "sk-"},
            "the gateway restarts, and takes the new key alone from then on",
            in_vault="LITELLM_MASTER_KEY",
            afterwards="give every application the new key: `make env` writes it",
        ),
        Secret(
            "langfuse-keys",
            {"langfuse-public-key": "pk-lf-", "langfuse-secret-key": "sk-lf-"},
            "the gateway and the relay restart; the pair before stays valid until somebody deletes it in Langfuse",
            outlives=True,
            in_vault="LANGFUSE_PUBLIC_KEY",
            afterwards="give applications that send traces themselves the new pair (`make env`), then delete the old "
            "one in Langfuse: project settings, API keys",
        ),
        Secret(
            "langfuse-role-password",
            {"langfuse-role-password": ""},
            "web and worker restart; connections that are open stay open",
        ),
        Secret(
            "minio-app-secret-key",
            {"minio-app-secret-key": ""},
            "web and worker restart; links to media that were handed out before stop working",
            overlaps=True,
            held_by="s3:place",
        ),
        Secret(
            "nextauth-secret",
            {"nextauth-secret": ""},
            "web restarts, and everybody has to sign in again",
            in_vault="NEXTAUTH_SECRET",
        ),
        Secret(
            "redis-password",
            {"redis-password": ""},
            "Redis restarts twice; the gateway restarts, for its cache is there",
            overlaps=True,
            held_by="redis:place",
        ),
    )
}

REFUSED: Mapping[str, str] = {
    "salt": "SALT hashes every API key: with another one, every key that was ever handed out is unknown",
    "encryption-key": "ENCRYPTION_KEY encrypts the credentials stored in Postgres: with another one they cannot be "
    "read, and no release re-encrypts them",
    "owner-password": "LANGFUSE_INIT_USER_PASSWORD never changes an existing password; its owner does, in Langfuse",
    "stack-id": "it is no secret: it tells this stack's containers from another stack's",
    "clickhouse-admin-password": "no service has it, so none is exposed by it: whoever read the state folder has every "
    "secret, and needs more than a rotation",
    "minio-root-password": "no service but MinIO has it; see clickhouse-admin-password",
    "minio-backup-secret-key": "ClickHouse alone has it, and it can delete nothing",
    "postgres-admin-password": "no service but Postgres has it; see clickhouse-admin-password",
}


def find(name: str) -> Secret:
    """The secret of that name, in any spelling of it.

    Raises:
        RefusedError: it may not be rotated, with the reason; or there is none, with those there are.
    """
    spelled = name.strip().lower().replace("_", "-")
    if spelled in REFUSED:
        raise RefusedError(f"{spelled} is not rotated: {REFUSED[spelled]}. Nothing was changed")
    if spelled not in SECRETS:
        raise RefusedError(f"there is no secret {name}: use one of {', '.join(sorted(SECRETS))}")
    return SECRETS[spelled]

"""The vault file: secrets that people keep outside the repository, checked before anything is created.

Values are never shown. All keys that are missing or malformed are named at once.
"""

import json
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from settings.loading import SettingsError
from settings.model import Settings
from settings.reserved import taken
from urls import (
    TRANSACTION_POOLER_PORT,
    ClickHouseUrl,
    NativeUrl,
    PostgresUrl,
    RedisUrl,
    UrlError,
    clickhouse_url,
    native_url,
    postgres_url,
    redis_url,
)

PROJECT = Path(__file__).resolve().parent.parent
EXAMPLE = PROJECT / "vault" / "llm-gateway-secrets.example.json"
APPLICATION_USER = "langfuse-app"
LARGEST_BYTES = 1 << 20


class VaultError(SettingsError):
    """The vault cannot be used; the message names keys and what to do, never a value."""


def _postgres(value: object) -> PostgresUrl:
    url = postgres_url(_text(value))
    if not url.password:
        raise UrlError("has no password: must be postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
    return url


def _redis(value: object) -> RedisUrl:
    return redis_url(_text(value))


def _clickhouse(value: object) -> ClickHouseUrl:
    return clickhouse_url(_text(value))


def _native(value: object) -> NativeUrl:
    return native_url(_text(value))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise UrlError("must be a string")
    return value


def _provider_value(value: object) -> object:
    """A service account's key is a JSON document, and people put it into the file as one."""
    return json.dumps(value) if isinstance(value, dict) else value


Alphanumeric = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{16,}$")]
"""ClickHouse's password travels through Langfuse's migration script unescaped."""
PrintableSecret = Annotated[str, Field(pattern=r"^[!-~]{8,}$")]
Hex16 = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Hex64 = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]
HttpUrl = Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+/?$")]
Text = Annotated[str, Field(pattern=r"^[^\x00]+$")]
"""A value that is not the stack's to judge: a salt that can never change, or what a model provider calls a key."""
Postgres = Annotated[PostgresUrl, BeforeValidator(_postgres)]
Redis = Annotated[RedisUrl, BeforeValidator(_redis)]
FORMER_KEYS: Mapping[str, str] = {
    "SUPABASE_DIRECT_URL": "LANGFUSE_DIRECT_URL",
    "SUPABASE_POOLED_URL": "LANGFUSE_DATABASE_URL",
}
"""Names that keys of the vault had, which stay valid."""
MEANING: Mapping[str, str] = {
    "CLICKHOUSE_PASSWORD": "16 or more letters and digits, nothing else",
    "MINIO_ROOT_USER": "3 or more letters, digits, - or _, and not the application's user",
    "MINIO_ROOT_PASSWORD": "8 or more printable characters",
    "LANGFUSE_PUBLIC_KEY": "printable, without spaces",
    "LANGFUSE_SECRET_KEY": "8 or more printable characters",
    "LANGFUSE_HOST": "an http or https URL without a path",
    "ENCRYPTION_KEY": "64 hexadecimal digits",
    "STACK_ID": "16 hexadecimal digits, in lower case",
    "SALT": "a string that is not empty",
    "GATEWAY_DATABASE_URL": "postgresql://USER:PASSWORD@HOST:PORT/DATABASE?schema=SCHEMA",
    "LANGFUSE_ENV": "an object of variable names and their values",
    "S3_ACCESS_KEY_ID": "the key's id, 8 or more printable characters",
    "S3_SECRET_ACCESS_KEY": "the key's secret, 8 or more printable characters",
    "PROVIDER_KEYS": "an object of variable names and their values, each a string or a JSON object",
}


class Vault(BaseModel):
    """Every value of the file. `None` stands for what is generated instead."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True)

    clickhouse_password: Alphanumeric | None = Field(None, alias="CLICKHOUSE_PASSWORD")
    minio_root_user: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{3,}$")] | None = Field(None, alias="MINIO_ROOT_USER")
    minio_root_password: PrintableSecret | None = Field(None, alias="MINIO_ROOT_PASSWORD")
    langfuse_public_key: Annotated[str, Field(pattern=r"^[!-~]{4,}$")] | None = Field(None, alias="LANGFUSE_PUBLIC_KEY")
    langfuse_secret_key: PrintableSecret | None = Field(None, alias="LANGFUSE_SECRET_KEY")
    langfuse_host: HttpUrl | None = Field(None, alias="LANGFUSE_HOST")
    redis_url: Redis | None = Field(None, alias="REDIS_URL")
    redis_cache_url: Redis | None = Field(None, alias="REDIS_CACHE_URL")
    """Of another server for the gateway's cache of answers, where the queue's is external."""
    postgres_direct_url: Postgres | None = Field(None, alias="LANGFUSE_DIRECT_URL")
    postgres_pooled_url: Postgres | None = Field(None, alias="LANGFUSE_DATABASE_URL")
    gateway_database_url: Postgres | None = Field(None, alias="GATEWAY_DATABASE_URL")
    clickhouse_url: Annotated[ClickHouseUrl, BeforeValidator(_clickhouse)] | None = Field(None, alias="CLICKHOUSE_URL")
    clickhouse_migration_url: Annotated[NativeUrl, BeforeValidator(_native)] | None = Field(
        None, alias="CLICKHOUSE_MIGRATION_URL"
    )
    """Without, the usual native port of the same server."""
    s3_access_key_id: PrintableSecret | None = Field(None, alias="S3_ACCESS_KEY_ID")
    s3_secret_access_key: PrintableSecret | None = Field(None, alias="S3_SECRET_ACCESS_KEY")
    salt: Text | None = Field(None, alias="SALT")
    encryption_key: Hex64 | None = Field(None, alias="ENCRYPTION_KEY")
    stack_id: Hex16 | None = Field(None, alias="STACK_ID")
    """Whose the apps and the schema are: of a stack whose state is lost, or that people made by hand."""
    nextauth_secret: PrintableSecret | None = Field(None, alias="NEXTAUTH_SECRET")
    gateway_master_key: Annotated[str, Field(pattern=r"^sk-[!-~]{8,}$")] | None = Field(
        None, alias="LITELLM_MASTER_KEY"
    )
    owner_password: PrintableSecret | None = Field(None, alias="LANGFUSE_OWNER_PASSWORD")
    provider_keys: Mapping[
        Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")], Annotated[Text, BeforeValidator(_provider_value)]
    ] = Field({}, alias="PROVIDER_KEYS")
    langfuse_env: Mapping[Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")], Text] = Field({}, alias="LANGFUSE_ENV")
    about: str = Field("", alias="$schema")

    def __repr__(self) -> str:
        """No value is ever printed."""
        return "Vault(…)"

    __str__ = __repr__

    @property
    def s3_key(self) -> tuple[str, str] | None:
        """Id and secret of the key to an external store."""
        if self.s3_access_key_id and self.s3_secret_access_key:
            return self.s3_access_key_id, self.s3_secret_access_key
        return None

    def langfuse_url(self, settings: Settings) -> str:
        """Where people and SDKs reach Langfuse."""
        stated = settings.langfuse.public_url
        return self.langfuse_host.rstrip("/") if self.langfuse_host and not stated else settings.langfuse_url

    @model_validator(mode="after")
    def _fits_together(self) -> "Vault":
        """Refuse values that cannot serve their purpose together."""
        direct, pooled = self.postgres_direct_url, self.postgres_pooled_url
        problems = [f"LANGFUSE_ENV: {found}; take it out"] if (found := taken(self.langfuse_env)) else []
        if self.minio_root_user == APPLICATION_USER:
            problems.append(
                f"MINIO_ROOT_USER: {APPLICATION_USER} is the application's own user, which must not be root"
            )
        lacking = [name for name, value in (("SALT", self.salt), ("ENCRYPTION_KEY", self.encryption_key)) if not value]
        if self.stack_id and lacking:
            problems.append(
                f"STACK_ID takes over data that is there, which needs the keys that it was written with: "
                f"{' and '.join(lacking)} is missing"
            )
        if direct and direct.port == TRANSACTION_POOLER_PORT:
            problems.append(
                f"LANGFUSE_DIRECT_URL: port {TRANSACTION_POOLER_PORT} is the transaction pooler, which loses the lock "
                "that migrations hold; use the direct or the session-pooler URL (port 5432)"
            )
        if direct and pooled and direct.path != pooled.path:
            problems.append("LANGFUSE_DIRECT_URL and LANGFUSE_DATABASE_URL name different databases")
        if direct and pooled and _without_tenant(direct, pooled) != _without_tenant(pooled, direct):
            problems.append("LANGFUSE_DIRECT_URL and LANGFUSE_DATABASE_URL log in as different users")
        if problems:
            raise ValueError("; ".join(problems))
        return self


def _without_tenant(url: PostgresUrl, other: PostgresUrl) -> str:
    return url.user.removesuffix(f".{url.tenant(other)}")


def vault_of(settings: Settings, *, dry_run: bool) -> tuple[Vault, str | None]:
    """As `open_vault`; an empty one for a stack that generates all of its secrets.

    Raises:
        SettingsError: the vault cannot be used, or is needed and not named.
    """
    if settings.stack.secrets == "vault":
        return open_vault(settings, dry_run=dry_run)
    by_role = settings.s3.credentials == "role"
    external = [setting for part, setting in settings.external.items() if not (part == "minio" and by_role)]
    if external:
        raise SettingsError(
            f"{' and '.join(external)} external needs what the vault says of it: "
            "run `pulumi config set langfuse-stack:secrets vault`"
        )
    return Vault.model_validate({}), None


def open_vault(settings: Settings, *, dry_run: bool) -> tuple[Vault, str | None]:
    """The vault of these settings.

    Args:
        settings: names the file.
        dry_run: a preview may do with the committed example, whose values are fake, when there is no vault.

    Returns:
        The vault; and, when it is the example, what to tell the operator.

    Raises:
        VaultError: it cannot be read, may be read by others, or lacks something.
    """
    named = settings.stack.vault
    path = named if named.is_absolute() else PROJECT / named
    if not _exists(path):
        if not dry_run:
            raise VaultError(
                f"the vault {named} does not exist: copy {EXAMPLE.relative_to(PROJECT)} there, put the real values in, "
                "and `chmod 600` it; or name another with `pulumi config set langfuse-stack:vault <path>`"
            )
        path = EXAMPLE
    vault = _checked(_read(path, private=path.resolve() != EXAMPLE), named if path != EXAMPLE else EXAMPLE.name)
    _complete(vault, settings, named)
    _same_host(vault, settings, named)
    if path.resolve() != EXAMPLE:
        return vault, None
    if not dry_run:
        raise VaultError(f"the vault {named} is the committed example, whose values are fake: it serves previews only")
    return vault, f"no vault at {named}: this preview uses the fake values of {EXAMPLE.name}, and `up` will refuse them"


def _exists(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _read(path: Path, *, private: bool) -> Any:
    """The JSON document in a file that, if `private`, only its owner may read and that nobody can swap meanwhile."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        why = "is a symbolic link" if path.is_symlink() else f"cannot be read: {error.strerror}"
        raise VaultError(f"the vault {path} {why}: put the file itself there (mode 0600)") from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise VaultError(f"the vault {path} is not a file: put the JSON file itself there (mode 0600)")
    with os.fdopen(descriptor, "rb") as file:
        if private and status.st_mode & 0o077:
            mode = stat.S_IMODE(status.st_mode)
            raise VaultError(
                f"the vault {path} can be read by others (mode {mode:04o}): `chmod 600 {path}`, and change what is in "
                "it if somebody may have read it"
            )
        if status.st_size > LARGEST_BYTES:
            raise VaultError(f"the vault {path} is larger than {LARGEST_BYTES} bytes: is it the right file?")
        content = file.read()
    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=_without_twins)
    except (ValueError, RecursionError) as error:
        place = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        twin = f": {error}" if isinstance(error, _TwinError) else ""
        raise VaultError(f"the vault {path} is not JSON{place}{twin}: compare it with {EXAMPLE.name}") from None


class _TwinError(ValueError):
    """One key stands there twice."""


def _without_twins(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _TwinError("a key stands there twice")
        found[key] = value
    return found


def _checked(document: Any, name: object) -> Vault:
    if not isinstance(document, dict):
        raise VaultError(f"the vault {name} must be a JSON object: compare it with {EXAMPLE.name}")
    former = {key: FORMER_KEYS[key] for key in document if key in FORMER_KEYS}
    twice = [
        f"{key} is the former name of {today}, and they differ: keep {today} alone"
        for key, today in former.items()
        if today in document and document[today] != document[key]
    ]
    try:
        vault = Vault.model_validate({former.get(key, key): value for key, value in document.items()})
    except ValidationError as error:
        said = {_problem(item) for item in error.errors(include_input=False, include_url=False)}
        for key, today in former.items():
            said = {problem.replace(today, key) for problem in said}
        problems = sorted({*said, *twice})
    else:
        if not twice:
            return vault
        problems = twice
    listed = "\n".join(f"  - {problem}" for problem in problems)
    raise VaultError(f"the vault {name}:\n{listed}\n{EXAMPLE.name} shows every key")


def _problem(error: Any) -> str:
    """One finding, by key; what a validator said is shown only where it is ours and free of values."""
    key = str(error["loc"][0]) if error["loc"] else ""
    if error["type"] == "extra_forbidden":
        known = key.isidentifier() and key.isascii() and len(key) < 64  # noqa: PLR2004
        return f"{key if known else 'one key'} is not a key of the vault"
    if error["type"] == "value_error":
        said = str(error["ctx"]["error"])
        return f"{key}: {said}" if key else said
    return f"{key} must be {MEANING.get(key, '8 or more printable characters')}"


def _complete(vault: Vault, settings: Settings, name: object) -> None:
    """Refuse a vault without the login of a server that is external; whatever else it lacks is generated."""
    needed = {
        "clickhouse": ("clickhouse_url",),
        "minio": ("s3_access_key_id", "s3_secret_access_key") if settings.s3.credentials == "key" else (),
        "postgres": ("postgres_direct_url", "postgres_pooled_url"),
        "redis": ("redis_url",),
    }
    missing = [
        f"  - {Vault.model_fields[field].alias} is missing, and {setting} is external"
        for part, setting in settings.external.items()
        for field in needed[part]
        if getattr(vault, field) is None
    ]
    if missing:
        raise VaultError(f"the vault {name}:\n" + "\n".join(missing) + f"\n{EXAMPLE.name} shows every key")


def _same_host(vault: Vault, settings: Settings, name: object) -> None:
    stated = settings.langfuse.public_url
    if stated and vault.langfuse_host and stated.rstrip("/") != vault.langfuse_host.rstrip("/"):
        raise VaultError(
            f"the vault {name}: LANGFUSE_HOST is not langfuse:publicUrl ({stated}): make them the same, since sign-in "
            "works under one address only"
        )

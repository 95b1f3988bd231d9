"""Proof that ClickHouse is the server Langfuse needs, is closed to strangers and keeps its volume small."""

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from pulumi import dynamic

from checks.base import (
    KNOWN_IDENTITY,
    CheckFailedError,
    CheckProvider,
    CheckResource,
    Evidence,
    Inputs,
    assert_same_store,
    first_line,
)
from checks.clickhouse_cluster import members, replicated, unchanged
from checks.clickhouse_login import Login, is_refusal, rows
from checks.clickhouse_rights import confined, pinned, sufficient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickhouse_connect.driver.client import Client

KEPT_LOGS = frozenset({"query_log"})
"""System log tables that may exist; all others are switched off by the server's configuration."""
UNSEEN = (
    "that Langfuse's user may do nothing beyond its database, and cannot drop a table that holds rows",
    "that every other user of the server has a password",
    "that the server's own log tables have an end",
)
"""What the login of Langfuse alone does not show of somebody else's server."""


class ClickHouseProvider(CheckProvider):
    """See `ClickHouseGate`."""

    label = "gate clickhouse"
    libraries = ("clickhouse_connect", "clickhouse_driver")
    secrets = ("password", "admin_password")
    keys = (
        "http_address",
        "native_address",
        "user",
        "password",
        "admin_user",
        "admin_password",
        "deletions",
        "database",
        "floor",
        "cluster",
        "external",
        "watch",
    )

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.CheckResult:
        """Refuse, before anything is changed, what no stack with data survives."""
        why = unchanged(olds, news)
        return dynamic.CheckResult(news, [dynamic.CheckFailure("cluster", why)] if why else [])

    def probe(self, inputs: Inputs) -> Evidence:
        address, database = inputs["http_address"], inputs["database"]
        login = Login(address, inputs["user"], inputs["password"], database)
        if inputs.get("external"):
            return _external(inputs, login)
        operator = Login(address, inputs["admin_user"], inputs["admin_password"], database, "clickhouse-admin-password")
        with _session(operator) as admin, _session(login) as langfuse:
            identity = _identity(admin, langfuse, inputs["cluster"])
            assert_same_store(inputs[KNOWN_IDENTITY], identity)
            version = str(langfuse.server_version)
            _floor(version, tuple(int(part) for part in inputs["floor"]), inputs["release"])
            for known in (login, operator):
                _refuses_strangers(known)
            _native_login(inputs["native_address"], login)
            confined(langfuse, login, deletions=bool(inputs["deletions"]), clustered=bool(inputs["cluster"]))
            for client, user in ((langfuse, login.user), (admin, operator.user)):
                pinned(client, user)
            for proof in (_open_users, _utc, _log_tables):
                proof(admin)
            if inputs["cluster"]:
                replicated(admin, database, len(inputs["cluster"]))
            return {"version": version, "identity": identity, "ledger": ledger(langfuse, login)}


class ClickHouseGate(CheckResource, module="checks", name="ClickHouse"):
    """ClickHouse answers on both ports, refuses strangers, runs on UTC, its ledger is clean, and it is the same server.

    Langfuse's user was seen to be confined: its rights are what Langfuse needs, and what it must not do it was refused.

    Args:
        inputs: `http_address`, `native_address` (`host:port`), `user`, `password` (secret) of Langfuse, `admin_user`,
            `admin_password` (secret) of the operator, `deletions` (whether Langfuse may delete rows), `database`,
            `floor` (major, minor), `release` (for the message), `cluster` (what each of its servers calls itself;
            False for a single one), `external` (whether it is somebody else's server: of that only Langfuse's own login
            is known, and what it does not show is in the evidence as `not_proven`), `watch`.
    """

    provider = ClickHouseProvider


def _external(inputs: Inputs, login: Login) -> Evidence:
    with _session(login) as client:
        query = "SELECT toString(uuid) FROM system.databases WHERE name = {name:String}"
        found = rows(client, query, name=login.database)
        # Each server of a managed service has an identity of its own; the database has one on all of them.
        identity = {"ClickHouse": str(found[0][0])} if found else {}
        assert_same_store(inputs[KNOWN_IDENTITY], identity)
        if not found:
            raise CheckFailedError(
                f"database {login.database} at {login.url}",
                f"absent, or {login.user} may not see it",
                f"`CREATE DATABASE {login.database}` there, and `GRANT ALL ON {login.database}.* TO {login.user}`",
                final=True,
            )
        version = str(client.server_version)
        _floor(version, tuple(int(part) for part in inputs["floor"]), inputs["release"])
        _refuses_wrong_passwords(login)
        _native_login(inputs["native_address"], login)
        _utc(client)
        return {
            "version": version,
            "identity": identity,
            "ledger": ledger(client, login),
            "not_proven": [*sufficient(client, login), *UNSEEN],
        }


def _identity(admin: "Client", langfuse: "Client", cluster: list[str] | bool) -> dict[str, str]:
    if not isinstance(cluster, list):
        return {"ClickHouse": str(rows(langfuse, "SELECT toString(serverUUID())")[0][0])}
    return {f"ClickHouse {name}": server for name, server in members(admin, cluster).items()}


@contextmanager
def _session(login: Login) -> "Iterator[Client]":
    try:
        client = login.connect()
    except CheckFailedError as failure:
        if failure.final:  # somebody else's password, or none at all: the second is the worse finding
            _refuses_strangers(login)
        raise
    try:
        yield client
    finally:
        client.close()


def _floor(version: str, floor: tuple[int, ...], release: str) -> None:
    found = tuple(int(part) for part in version.split(".")[:2])
    if found < floor:
        wanted = ".".join(str(part) for part in floor)
        raise CheckFailedError(
            "SELECT version()",
            f"{version}, below the floor {wanted} of Langfuse release {release}",
            f"set clickhouse:image to {wanted} or newer, or langfuse:release to one that runs on {version} "
            "(components/releases.py lists which versions go together)",
            final=True,
        )


def _refuses_strangers(login: Login) -> None:
    _refuses_wrong_passwords(login, ("user default without password", "default", ""))


def _refuses_wrong_passwords(login: Login, *further: tuple[str, str, str]) -> None:
    for what, user, password in (
        ("a wrong password", login.user, "not-the-password"),
        ("an empty password", login.user, ""),
        *further,
    ):
        try:
            login.client(user=user, password=password).close()
        except Exception as error:
            if is_refusal(error):
                continue
            raise CheckFailedError(
                f"login with {what}", first_line(error), "ClickHouse must answer with code 516; see its log"
            ) from None
        raise CheckFailedError(
            f"login with {what}",
            "accepted",
            "the server lets strangers in: stop it, and check its users.d files and the CLICKHOUSE_PASSWORD it got",
            final=True,
        )


def _native_login(address: str, login: Login) -> None:
    probe = f"native login as {login.user} at {address}"
    try:
        with login.native(address) as native:
            native.execute("SELECT 1")
    except Exception as error:
        raise CheckFailedError(
            probe,
            first_line(error),
            "see CLICKHOUSE_MIGRATION_URL of the vault: migrations use the native protocol, with the same login"
            if login.is_external
            else "migrations use the native port (9000): publish it and accept the same password there",
        ) from None


def _open_users(client: "Client") -> None:
    query = "clickhouse_open_users.sql"
    names = [str(row[0]) for row in rows(client, query)]
    if names:
        raise CheckFailedError(
            query,
            f"users without a password: {', '.join(names)}",
            "give each a password or remove it",
            final=True,
        )


def _utc(client: "Client") -> None:
    zone = str(rows(client, "SELECT timezone()")[0][0])
    if zone not in {"UTC", "Etc/UTC"}:
        raise CheckFailedError(
            "SELECT timezone()",
            zone,
            "set <timezone>UTC</timezone>: Langfuse returns shifted results otherwise",
            final=True,
        )


def _log_tables(client: "Client") -> None:
    query = "clickhouse_log_tables.sql"
    # A log's table is made by its first flush, seconds after the start. Without the right to flush, take what is there.
    with suppress(Exception):
        client.command("SYSTEM FLUSH LOGS")
    extra = [str(row[0]) for row in rows(client, query) if row[0] not in KEPT_LOGS]
    if extra:
        raise CheckFailedError(
            query,
            f"uncapped system log tables: {', '.join(extra)}",
            'switch each off with <NAME remove="1"/> in config.d: they fill the volume',
            final=True,
        )


def ledger(client: "Client", login: Login) -> int:
    """Newest migration in the ledger, 0 before the first.

    Raises:
        CheckFailedError: the newest migration is dirty.
    """
    exists = rows(client, "EXISTS TABLE {database:Identifier}.schema_migrations", database=login.database)
    if not exists[0][0]:
        return 0
    query = "clickhouse_ledger.sql"
    newest = rows(client, query, database=login.database)
    if not newest:
        return 0
    version, dirty = int(newest[0][0]), bool(newest[0][1])
    if dirty:
        raise CheckFailedError(
            query,
            f"version {version} is dirty: a migration was cut short",
            f"compare the objects of migration {version} with what exists, then INSERT a clean row "
            f"({version} if they are complete, {version - 1} if none exists); never force or drop",
            final=True,
        )
    return version

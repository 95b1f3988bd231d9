"""Proof that ClickHouse is the server Langfuse needs, is closed to strangers and keeps its volume small."""

import logging
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from checks.base import CheckFailedError, CheckProvider, CheckResource, Evidence, Inputs, brief

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

SQL = Path(__file__).parent / "sql"
TIMEOUT_SECONDS = 5
GRANT = re.compile(r"^(?P<verb>GRANT|REVOKE) (?P<privileges>.+) ON (?P<target>\S+) (?:TO|FROM) ")
ACCESS_DENIED = 497

KEPT_LOGS = frozenset({"query_log"})
"""System log tables that may exist; all others are switched off by the server's configuration."""

NEEDED_GRANTS: Sequence[str] = (
    "SELECT",
    "INSERT",
    "ALTER UPDATE",
    "ALTER DELETE",
    "ALTER ADD COLUMN",
    "ALTER MODIFY COLUMN",
    "ALTER ADD INDEX",
    "ALTER DROP INDEX",
    "ALTER MATERIALIZE INDEX",
    "CREATE TABLE",
    "CREATE VIEW",
    "DROP TABLE",
    "DROP VIEW",
)
"""What Langfuse's migrations and workers do in their own database (Langfuse's ClickHouse documentation)."""


@dataclass(frozen=True)
class Login:
    """How to reach and enter one ClickHouse server over HTTP."""

    http_address: str
    user: str
    password: str
    database: str

    def client(self, *, password: str | None = None, user: str | None = None) -> "Client":
        """A connected client.

        Raises:
            Exception: whatever the driver raises when it cannot connect or log in.
        """
        import clickhouse_connect

        _silence("clickhouse_connect")
        host, _, port = self.http_address.rpartition(":")
        return clickhouse_connect.get_client(
            host=host,
            port=int(port),
            username=user or self.user,
            password=self.password if password is None else password,
            connect_timeout=TIMEOUT_SECONDS,
            send_receive_timeout=TIMEOUT_SECONDS,
            autogenerate_session_id=False,
        )

    def connect(self) -> "Client":
        """A connected client, or the reason why there is none.

        Raises:
            CheckFailedError: the server does not answer or refuses the password.
        """
        try:
            return self.client()
        except Exception as error:
            if is_refusal(error):
                raise CheckFailedError(
                    f"login as {self.user} at http://{self.http_address}",
                    "Code 516: authentication failed",
                    "the server runs with another password than the stack's `clickhouse-password`: "
                    "run `make up`, which starts it with the stack's own; never recreate the volume",
                    final=True,
                ) from None
            raise CheckFailedError(
                f"GET http://{self.http_address}/?query=SELECT 1",
                brief(error),
                "see `docker logs` of the ClickHouse container for why it does not serve yet",
            ) from None


def _silence(library: str) -> None:
    """Keep a driver from logging refused connections, tracebacks and all: here each one becomes a finding."""
    logging.getLogger(library).setLevel(logging.CRITICAL + 1)


def is_refusal(error: Exception) -> bool:
    """Whether ClickHouse refused the user or password (codes 516 and 194)."""
    text = str(error)
    return getattr(error, "code", None) in {516, 194} or any(
        sign in text for sign in ("Code: 516", "code 516", "Code: 194", "AUTHENTICATION_FAILED", "REQUIRED_PASSWORD")
    )


class ClickHouseProvider(CheckProvider):
    """See `ClickHouseGate`."""

    label = "gate clickhouse"
    libraries = ("clickhouse_connect", "clickhouse_driver")
    secrets = ("password",)
    keys = ("http_address", "native_address", "user", "password", "database", "floor", "cluster", "watch")

    def probe(self, inputs: Inputs) -> Evidence:
        login = Login(inputs["http_address"], inputs["user"], inputs["password"], inputs["database"])
        try:
            client = login.connect()
        except CheckFailedError as failure:
            if failure.final:  # somebody else's password, or none at all: the second is the worse finding
                _refuses_strangers(login)
            raise
        try:
            version = str(client.server_version)
            _floor(version, tuple(int(part) for part in inputs["floor"]), inputs["release"])
            _refuses_strangers(login)
            _native_login(inputs["native_address"], login)
            evidence: Evidence = {"version": version}
            for proof in (_grants, _open_users, _utc, _log_tables):
                proof(client, login)
            evidence["ledger"] = ledger(client, login)
            if inputs["cluster"]:
                _macros(client)
        finally:
            client.close()
        return evidence


class ClickHouseGate(CheckResource, module="checks", name="ClickHouse"):
    """ClickHouse answers on both ports, refuses strangers, runs on UTC with enough grants, and its ledger is clean.

    Args:
        inputs: `http_address`, `native_address` (`host:port`), `user`, `password`, `database`, `floor` (major, minor),
            `release` (for the message), `cluster` (whether macros are needed), `watch` (re-runs the gate).
    """

    provider = ClickHouseProvider


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
    for what, user, password in (
        ("a wrong password", login.user, "not-the-password"),
        ("an empty password", login.user, ""),
        ("user default without password", "default", ""),
    ):
        try:
            login.client(user=user, password=password).close()
        except Exception as error:
            if is_refusal(error):
                continue
            raise CheckFailedError(
                f"login with {what}", brief(error), "ClickHouse must answer with code 516; see its log"
            ) from None
        raise CheckFailedError(
            f"login with {what}",
            "accepted",
            "the server lets strangers in: stop it, and check its users.d files and the CLICKHOUSE_PASSWORD it got",
            final=True,
        )


def _native_login(address: str, login: Login) -> None:
    from clickhouse_driver import Client as NativeClient

    _silence("clickhouse_driver")
    host, _, port = address.rpartition(":")
    probe = f"native login as {login.user} at {address}"
    try:
        with NativeClient(  # type: ignore[no-untyped-call]
            host,
            port=int(port),
            user=login.user,
            password=login.password,
            connect_timeout=TIMEOUT_SECONDS,
            send_receive_timeout=TIMEOUT_SECONDS,
        ) as native:
            native.execute("SELECT 1")
    except Exception as error:
        raise CheckFailedError(
            probe,
            brief(error),
            "migrations use the native port (9000): publish it and accept the same password there",
        ) from None


def _rows(client: "Client", query: str, **parameters: Any) -> list[Sequence[Any]]:
    """Rows of a query, or of the query in the file `checks/sql/<query>` when it ends in `.sql`."""
    text = (SQL / query).read_text(encoding="utf-8") if query.endswith(".sql") else query
    try:
        return list(client.query(text, parameters=parameters).result_rows)
    except Exception as error:
        denied = getattr(error, "code", None) == ACCESS_DENIED
        fix = "GRANT the user what the message names" if denied else "see ClickHouse's log"
        raise CheckFailedError(query, brief(error), fix, final=denied) from None


def _open_users(client: "Client", _login: Login) -> None:
    query = "clickhouse_open_users.sql"
    names = [str(row[0]) for row in _rows(client, query)]
    if names:
        raise CheckFailedError(
            query,
            f"users without a password: {', '.join(names)}",
            "give each a password or remove it",
            final=True,
        )


def _utc(client: "Client", _login: Login) -> None:
    zone = str(_rows(client, "SELECT timezone()")[0][0])
    if zone not in {"UTC", "Etc/UTC"}:
        raise CheckFailedError(
            "SELECT timezone()",
            zone,
            "set <timezone>UTC</timezone>: Langfuse returns shifted results otherwise",
            final=True,
        )


def _grants(client: "Client", login: Login) -> None:
    parents = {
        str(privilege): None if parent is None else str(parent)
        for privilege, parent in _rows(client, "clickhouse_privileges.sql")
    }
    statements = [str(row[0]) for row in _rows(client, "SHOW GRANTS")]
    granted = privileges("GRANT", statements, login.database)
    revoked = privileges("REVOKE", statements, login.database)
    missing = [
        need for need in NEEDED_GRANTS if not _covered(need, granted, parents) or _covered(need, revoked, parents)
    ]
    if missing:
        raise CheckFailedError(
            f"SHOW GRANTS for {login.user}",
            f"missing on {login.database}.*: {', '.join(missing)}",
            f"GRANT {', '.join(missing)} ON {login.database}.* TO {login.user}",
            final=True,
        )


def privileges(verb: Literal["GRANT", "REVOKE"], statements: Sequence[str], database: str) -> set[str]:
    """Privileges on all tables of `database` that the statements of SHOW GRANTS give, or take out of a wider grant."""
    found: set[str] = set()
    for statement in statements:
        match = GRANT.match(statement)
        if match and match["verb"] == verb and match["target"].replace("`", "") in {"*.*", f"{database}.*"}:
            found |= {privilege.strip() for privilege in match["privileges"].split(",")}
    return found


def _covered(need: str, given: set[str], parents: Mapping[str, str | None]) -> bool:
    """Whether `need` or a group it belongs to is among those given."""
    privilege: str | None = need
    while privilege is not None:
        if privilege in given:
            return True
        privilege = parents.get(privilege)
    return False


def _log_tables(client: "Client", _login: Login) -> None:
    query = "clickhouse_log_tables.sql"
    # A log's table is made by its first flush, seconds after the start. Without the right to flush, take what is there.
    with suppress(Exception):
        client.command("SYSTEM FLUSH LOGS")
    extra = [str(row[0]) for row in _rows(client, query) if row[0] not in KEPT_LOGS]
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
    exists = _rows(client, "EXISTS TABLE {database:Identifier}.schema_migrations", database=login.database)
    if not exists[0][0]:
        return 0
    query = "clickhouse_ledger.sql"
    rows = _rows(client, query, database=login.database)
    if not rows:
        return 0
    version, dirty = int(rows[0][0]), bool(rows[0][1])
    if dirty:
        raise CheckFailedError(
            query,
            f"version {version} is dirty: a migration was cut short",
            f"compare the objects of migration {version} with what exists, then INSERT a clean row "
            f"({version} if they are complete, {version - 1} if none exists); never force or drop",
            final=True,
        )
    return version


def _macros(client: "Client") -> None:
    names = {str(row[0]) for row in _rows(client, "SELECT macro FROM system.macros")}
    missing = sorted({"shard", "replica"} - names)
    if missing:
        raise CheckFailedError(
            "SELECT macro FROM system.macros",
            f"missing: {', '.join(missing)}",
            "define the macros in config.d",
            final=True,
        )

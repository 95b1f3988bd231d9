"""What Langfuse's ClickHouse user may do: all that Langfuse needs, nothing else, and the limits it cannot lift."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from checks.base import CheckFailedError, first_line
from checks.clickhouse_login import SQL, Login, rows

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

ACCESS_DENIED = 497
SETTING_IS_CONSTANT = 452
STATEMENT = re.compile(
    r"(?P<verb>GRANT|REVOKE) (?P<privileges>.+) ON (?P<target>\S+) (?:TO|FROM) \S+(?P<option> WITH .+)?"
)
GRANTED = re.compile(r"GRANT (?P<privileges>.+) ON (?P<target>\S+) TO ")
ROLES = re.compile(r"GRANT (?P<roles>.+) TO ")
PRIVILEGE = re.compile(r"[^,(]+(?:\([^)]*\))?")
PINNED = ("max_table_size_to_drop", "max_partition_size_to_drop")

NEEDED: Sequence[str] = (
    "SELECT",
    "INSERT",
    "ALTER UPDATE",
    "ALTER ADD COLUMN",
    "ALTER MODIFY COLUMN",
    "ALTER ADD INDEX",
    "ALTER DROP INDEX",
    "ALTER MATERIALIZE INDEX",
    "ALTER VIEW MODIFY QUERY",
    "CREATE TABLE",
    "CREATE VIEW",
    "DROP TABLE",
    "DROP VIEW",
)
"""What Langfuse's migrations and workers do in their own database (Langfuse's ClickHouse documentation)."""
DELETIONS = "ALTER DELETE"
"""What deleting traces and projects takes, and nothing else does."""
KEPT_TABLES: Sequence[str] = (
    "traces",
    "observations",
    "scores",
    "dataset_run_items_rmt",
    "blob_storage_file_log",
    "events_full",
    "events_core",
    "schema_migrations",
)
"""Tables that no release drops, so that the right to is taken back; renaming, exchanging and replacing take it too."""
SCRATCH_TABLE = "observations_pid_tid_sorting"
SCRATCH_RIGHTS = frozenset({"SYSTEM SYNC REPLICA", "SYSTEM MERGES", "ALTER SETTINGS"})
READ_TABLES = frozenset(f"system.{name}" for name in ("parts", "mutations", "tables", "processes", "query_log"))

Right = tuple[str, str]
"""Privilege without columns, and what it is on."""
ON_CLUSTER: Right = ("CLUSTER", "*.*")
"""To do on every server of a cluster what one may do on each."""


def confined(client: "Client", login: Login, *, deletions: bool, clustered: bool = False) -> None:
    """Prove that the user may do what Langfuse needs and nothing else, as the server says and by trying.

    Args:
        client: logged in as the user.
        login: the user and its database.
        deletions: whether it is meant to delete rows.
        clustered: whether it migrates every server of a cluster at once.

    Raises:
        CheckFailedError: names each right that is missing or too many, with the statement that mends it.
    """
    needed = [*NEEDED, *([DELETIONS] if deletions else [])]
    statements = [str(row[0]) for row in rows(client, "SHOW GRANTS")]
    granted, revoked = set(_rights("GRANT", statements)), set(_rights("REVOKE", statements))
    own = f"{login.database}.*"
    allowed = {(need, own) for need in needed}
    allowed |= {(right, f"{login.database}.{SCRATCH_TABLE}") for right in SCRATCH_RIGHTS}
    allowed |= {("SELECT", table) for table in READ_TABLES}
    everywhere = {ON_CLUSTER} if clustered else set()
    kept = {("DROP TABLE", f"{login.database}.{table}") for table in KEPT_TABLES}
    probe = f"SHOW GRANTS for {login.user}"
    lacking = [(need, own) for need in needed if (need, own) not in granted or (need, own) in revoked]
    lacking += sorted(everywhere - granted)
    if extra := sorted((granted - allowed - everywhere) | (kept - revoked)):
        raise _found(probe, "more than Langfuse needs", extra, "REVOKE", f"FROM {login.user}")
    if lacking:
        raise _found(probe, "missing", lacking, "GRANT", f"TO {login.user}")
    for statement in _statements("clickhouse_forbidden.sql", login):
        _refused(client, statement)
    for statement in _statements("clickhouse_forbidden_on_cluster.sql", login) if clustered else ():
        _refused(client, statement)
    for statement in () if deletions else _statements("clickhouse_deletions.sql", login):
        _refused(client, statement)


def sufficient(client: "Client", login: Login) -> list[str]:
    """Prove that a user of somebody else's server may do what Langfuse needs; what could not be proven of it.

    Raises:
        CheckFailedError: names each right that is missing.
    """
    missing, roles = lacking(client, login)
    if not missing:
        return []
    if roles:
        return [f"that {login.user} has {', '.join(missing)}: what the roles {', '.join(roles)} give is not seen"]
    raise _found(
        f"SHOW GRANTS for {login.user}",
        "missing",
        [(need, f"{login.database}.*") for need in missing],
        "GRANT",
        f"TO {login.user}",
    )


def lacking(client: "Client", login: Login) -> tuple[list[str], list[str]]:
    """Rights that Langfuse needs and the user does not have by itself, and roles that it has beside."""
    groups = {str(name): str(group or "") for name, group in rows(client, "clickhouse_privilege_groups.sql")}
    granted: set[str] = set()
    roles: list[str] = []
    for (statement,) in rows(client, "SHOW GRANTS"):
        text = str(statement).replace("`", "")
        if found := GRANTED.match(text):
            if found["target"] in {"*.*", f"{login.database}.*"}:
                granted |= {privilege.strip() for privilege in found["privileges"].split(",")}
        elif found := ROLES.match(text):
            roles.append(found["roles"])
    return [need for need in NEEDED if not _covers(granted, need, groups)], roles


def _covers(granted: set[str], need: str, groups: Mapping[str, str]) -> bool:
    while need:
        if need in granted:
            return True
        need = groups.get(need, "")
    return "ALL" in granted


def pinned(client: "Client", user: str) -> None:
    """Prove that no query of the user lifts the limits that keep a table with rows from being dropped.

    Raises:
        CheckFailedError: a limit is not there, or can be lifted.
    """
    fix = "give the user the profile of components/files/clickhouse/profile.xml, which `make up` puts in place"
    for setting in PINNED:
        [[limit]] = rows(client, f"SELECT toUInt64(getSetting('{setting}'))")
        if limit != 1:
            raise CheckFailedError(f"{setting} of {user}", str(limit), fix, final=True)
        statement = f"SELECT 1 SETTINGS {setting} = 0"
        if (code := _code(client, statement)) != SETTING_IS_CONSTANT:
            raise CheckFailedError(f"{statement} as {user}", _outcome(code), fix, final=True)


def _rights(verb: str, statements: Sequence[str]) -> Iterator[Right]:
    for statement in statements:
        match = STATEMENT.fullmatch(statement.replace("`", ""))
        if not match:
            yield statement, "everything"  # a role, or something newer than this check: nothing that was given
        elif match["verb"] == verb:
            option = match["option"] or ""
            for privilege in PRIVILEGE.findall(match["privileges"]):
                yield privilege.partition("(")[0].strip() + option, match["target"]


def _found(probe: str, what: str, rights: Sequence[Right], verb: str, whom: str) -> CheckFailedError:
    by_target: dict[str, list[str]] = {}
    for privilege, target in rights:
        by_target.setdefault(target, []).append(privilege)
    clauses = [f"{', '.join(privileges)} ON {target}" for target, privileges in by_target.items()]
    return CheckFailedError(
        probe,
        f"{what}: {'; '.join(clauses)}",
        "; ".join(f"{verb} {clause} {whom}" for clause in clauses),
        final=True,
    )


def _statements(name: str, login: Login) -> list[str]:
    text = (SQL / name).read_text(encoding="utf-8")
    return text.replace("{database}", login.database).splitlines()


def _refused(client: "Client", statement: str) -> None:
    """Tried on what does not exist, so that nothing happens even if it is allowed."""
    if (code := _code(client, statement)) != ACCESS_DENIED:
        raise CheckFailedError(
            statement,
            f"{_outcome(code)}, not refused for want of rights (code {ACCESS_DENIED})",
            "take the right away: components/files/clickhouse/users.xml lists what Langfuse needs",
            final=True,
        )


def _code(client: "Client", statement: str) -> int | None:
    from clickhouse_connect.driver.exceptions import DatabaseError

    try:
        client.command(statement)
    except DatabaseError as error:
        return error.code
    except Exception as error:
        raise CheckFailedError(statement, first_line(error), "see ClickHouse's log") from None
    return None


def _outcome(code: int | None) -> str:
    return "allowed" if code is None else f"code {code}"

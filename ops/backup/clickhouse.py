"""ClickHouse's own BACKUP and RESTORE, as the operator's user; the server's configuration has the bucket's key."""

import contextlib
import hashlib
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from checks.base import without_secrets
from checks.clickhouse_cluster import CLUSTER
from checks.clickhouse_login import Login
from ops.backup.errors import told
from ops.backup.manifest import Table
from ops.session import OpsError

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

SQL = Path(__file__).with_name("sql")
ANSWER_SECONDS = 6 * 3600
"""Reading every row of a table again takes as long as it takes."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.02, 1.0
PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
REFUSED_REMOVAL = re.compile(r"Access ?Denied.*while removing object with path \S*\.lock\b", re.IGNORECASE)
Progress = Callable[[str], None]

Facts = Mapping[tuple[str, str], tuple[int, str]]
"""Table and part to its rows and the hash of its files."""


@dataclass(frozen=True)
class Place:
    """Where ClickHouse keeps its files of a backup.

    Args:
        url: of the folder.
        key: id and secret that the server is given with each statement; None for one that has its own.
    """

    url: str
    key: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def sql(self) -> str:
        """As statements name it."""
        return f"S3({', '.join(_quoted(value) for value in (self.url, *(self.key or ())))})"

    @contextlib.contextmanager
    def unshown(self) -> Iterator[None]:
        """Keep the key out of what a failure says: a server may quote the statement."""
        try:
            yield
        except OpsError as error:
            raise OpsError(without_secrets(str(error), list((self.key or ())[1:]))) from None


@dataclass(frozen=True)
class Server:
    """A ClickHouse server.

    Args:
        login: of the operator's user.
        clustered: whether it is one of a cluster, in which a table is made on all servers or not at all.
    """

    login: Login
    clustered: bool = False

    def connect(self) -> "Client":
        """A client that waits for long statements.

        Raises:
            OpsError: the server does not answer, or refuses the password.
        """
        with told(f"reach ClickHouse at {self.login.http_address}"):
            return replace(self.login, answer_seconds=ANSWER_SECONDS).connect()


def back_up(client: "Client", database: str, place: Place, *, run: str, base: Place | None, progress: Progress) -> None:
    """Write a backup of a database.

    The key may delete nothing, so ClickHouse cannot remove its lock in the end and calls the backup failed for that
    alone; whether all files are there is for the caller to see.

    Args:
        client: as the operator's user.
        database: to back up.
        place: where to.
        run: name of this run in `system.backups`.
        base: the backup that holds what did not change.
        progress: is told how far it is.

    Raises:
        OpsError: it failed for any other reason.
    """
    chosen = f", base_backup = {base.sql}" if base else ""
    with place.unshown(), told(f"back up ClickHouse's database {database}"):
        client.command(_statement("backup.sql", database=_plain(database), place=place.sql, id=run, base=chosen))
        error = _finished(client, run, progress)
        if error and not REFUSED_REMOVAL.search(error):
            raise OpsError(error)


def restore(
    client: "Client", database: str, into: str, place: Place, *, run: str, progress: Progress, clustered: bool = False
) -> None:
    """Restore a database under another name, with merges stopped so that its parts stay as they were.

    Args:
        client: as the operator's user.
        database: name it had.
        into: new name.
        place: where the backup is.
        run: name of this run in `system.backups`.
        progress: is told how far it is.
        clustered: see `Server`.

    Raises:
        OpsError: it failed.
    """
    names = {
        "database": _plain(database),
        "into": _plain(into),
        "place": place.sql,
        "everywhere": _everywhere(clustered),
    }
    with place.unshown(), told(f"restore ClickHouse's database {database} as {into}"):
        for step, how in (("tables", "structure_only = true"), ("rows", "create_table = 'if-not-exists'")):
            client.command(_statement("restore.sql", **names, id=f"{run}-{step}", how=how))
            if error := _finished(client, f"{run}-{step}", progress):
                raise OpsError(error)
            if step == "tables":
                _merges("STOP", client, into, clustered=clustered)
        for [table] in client.query(_read("replicated.sql"), parameters={"database": into}).result_rows:
            progress(f"waiting for {table}")
            sync = "SYSTEM SYNC REPLICA {database:Identifier}.{table:Identifier}"
            client.command(sync, parameters={"database": into, "table": table})


def resume_merges(client: "Client", database: str, *, clustered: bool = False) -> None:
    """Let a restored database merge its parts again."""
    with told(f"start merges of {database}"):
        _merges("START", client, database, clustered=clustered)


def facts(client: "Client", database: str, *, active: bool = False) -> Facts:
    """What the server knows of the parts of a database, those it is about to forget too unless only `active`."""
    with told(f"look at the parts of {database}"):
        listed = client.query(_read("parts.sql"), parameters={"database": database}).result_rows
    return {(row[0], row[1]): (int(row[2]), row[3]) for row in listed if row[4] or not active}


def tables(parts: Mapping[str, Iterable[str]], names: Iterable[str], known: Facts) -> list[Table]:
    """Rows and content hash of each table.

    Args:
        parts: of each table.
        names: of all tables, those without parts too.
        known: of each part.

    Raises:
        OpsError: a part is not known any more; another backup will know its own.
    """
    contents: dict[str, list[tuple[str, int]]] = {_lasting(name): [] for name in names}
    for table, members in parts.items():
        for part in members:
            if (table, part) not in known:
                raise OpsError(f"ClickHouse forgot part {part} of {table} while it was backed up: run again")
            rows, digest = known[table, part]
            contents.setdefault(_lasting(table), []).append((digest, rows))
    return [_table(name, sorted(contents[name])) for name in sorted(contents)]


def restored_tables(client: "Client", database: str) -> list[Table]:
    """As `tables`, of a database that was just restored."""
    known = facts(client, database, active=True)
    parts: dict[str, set[str]] = {}
    for table, part in known:
        parts.setdefault(table, set()).add(part)
    with told(f"list the tables of {database}"):
        names = [
            row[0] for row in client.query(_read("table_names.sql"), parameters={"database": database}).result_rows
        ]
    return tables(parts, names, known)


def damaged(client: "Client", database: str, progress: Progress) -> list[str]:
    """Reads every byte of a database and compares it with its checksums; what is not as it was."""
    found = []
    with told(f"read {database} again"):
        for table in sorted({table for table, _ in facts(client, database, active=True)}):
            progress(f"reading {table}")
            answer = client.query(
                "CHECK TABLE {database:Identifier}.{table:Identifier}",
                parameters={"database": database, "table": table},
                settings={"check_query_single_value_result": 0},
            )
            found += [f"{table} part {row[0]}: {row[2] or 'damaged'}" for row in answer.result_rows if not row[1]]
    return found


def exists(client: "Client", database: str) -> bool:
    """Whether there is a database of that name."""
    with told("list databases"):
        return bool(client.query("SELECT 1 FROM system.databases WHERE name = %(n)s", {"n": database}).result_rows)


def _finished(client: "Client", run: str, progress: Progress) -> str:
    """Waits for a backup or restore; what it failed with, on one line, empty for nothing."""
    pause, started = FIRST_PAUSE_SECONDS, time.monotonic()
    while True:
        rows: Any = client.query(_read("progress.sql"), parameters={"id": run}).result_rows
        if not rows:
            return "ClickHouse does not know of it any more: was it restarted?"
        [(status, error, files, size)] = rows
        if not status.startswith(("CREATING", "RESTORING")):
            failed = not status.startswith(("BACKUP_CREATED", "RESTORED"))
            return (error.partition(", Stack trace")[0].strip() or status) if failed else ""
        progress(f"{files} files, {size / 1e6:.0f} MB, {time.monotonic() - started:.0f} s")
        time.sleep(pause)
        pause = min(pause * 1.3, LONGEST_PAUSE_SECONDS)


def _merges(verb: str, client: "Client", database: str, *, clustered: bool) -> None:
    for [table] in client.query(_read("merge_trees.sql"), parameters={"database": database}).result_rows:
        names = {"database": database, "table": table}
        statement = f"SYSTEM {verb} MERGES{_everywhere(clustered)} {{database:Identifier}}.{{table:Identifier}}"
        client.command(statement, parameters=names)


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _everywhere(clustered: bool) -> str:
    return f" ON CLUSTER {CLUSTER}" if clustered else ""


def _table(name: str, parts: list[tuple[str, int]]) -> Table:
    """Parts are named anew when they are restored, so a table is what its parts hold, in any order."""
    lines = "\n".join(f"{digest} {rows}" for digest, rows in parts)
    return Table(name=name, rows=sum(rows for _, rows in parts), hash=hashlib.sha256(lines.encode()).hexdigest())


def _lasting(table: str) -> str:
    """A table's name without the identity that ClickHouse gives the hidden table of a view, anew at each restore."""
    return ".inner" if table.startswith(".inner") else table


def _plain(name: str) -> str:
    if not PLAIN_NAME.fullmatch(name):
        raise OpsError(f"{name!r} is no plain name of a database: letters, digits, - and _")
    return name


def _statement(file: str, **values: str) -> str:
    return Template(_read(file)).substitute(values)


def _read(file: str) -> str:
    return (SQL / file).read_text(encoding="utf-8")

"""What the migrations that an image ships would do to the live databases."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checks.base import CheckFailedError, first_line
from checks.clickhouse import ledger
from checks.clickhouse_login import Login
from checks.clickhouse_login import rows as query_rows
from checks.postgres import SQL, connection, query
from policy import migrations
from policy.migrations import Ask, Asked, Existing, FileVerdict, Live, UnreadableError, Verdict

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client
    from psycopg import Connection

REFUSED_TEXT = frozenset({62, 167, 168, 306})
"""ClickHouse's errors for a statement that it cannot parse, or that is too deep or too long for it to."""
PREAMBLE = re.compile(r"^.*DB::Exception: ")
SHOWN_CHARACTERS = 120
ESCAPED = re.compile(r"\\(.)")
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0"}
"""How ClickHouse spells characters in tab-separated output; every other one stands for itself."""
COUNTED_ROWS = 100_000
"""Rows of a Postgres table are counted up to here; more are shown as this many."""
VIEW_ENGINES = frozenset({"View", "LiveView", "WindowView"})
NAMED_FILES = 20


@dataclass(frozen=True)
class Databases:
    """Access to the two databases that a web migrates."""

    login: Login
    direct_url: str
    schema: str
    clustered: bool = False
    """Whether ClickHouse is a cluster, for which an image has files of its own."""


@dataclass(frozen=True)
class Report:
    """What was judged."""

    files: Sequence[FileVerdict]
    stale: Sequence[migrations.Approval]
    """Approvals of no file that the image ships."""

    @property
    def blocking(self) -> list[FileVerdict]:
        """Files because of which web must not boot."""
        return [verdict for verdict in self.files if verdict.blocks]


def inspect(folder: Path, databases: Databases | None, approvals_file: Path = migrations.APPROVALS_FILE) -> Report:
    """Judge what a folder of shipped migrations would do.

    Args:
        folder: see `policy.migrations.read_folder`.
        databases: the live databases; None judges as against empty ones.
        approvals_file: the committed approvals.

    Raises:
        MigrationsError: the folder or the approvals cannot be read, or the databases belong to a newer release.
        CheckFailedError: a database does not answer, or its ledger is missing, dirty or unfinished.
    """
    shipped = migrations.read_folder(folder, clustered=databases is not None and databases.clustered)
    approvals = migrations.read_approvals(approvals_file)
    reasons = {approval.sha256: approval.reason for approval in approvals}
    stale = migrations.stale(approvals, [*shipped.postgres, *shipped.clickhouse])
    if databases is None:
        empty = Live("langfuse")
        judged = (migrations.judge(files, empty, reasons) for files in (shipped.postgres, shipped.clickhouse))
        return Report([verdict for verdicts in judged for verdict in verdicts], stale)
    clickhouse, newest = clickhouse_live(databases.login)
    postgres = postgres_live(databases.direct_url, databases.schema)
    files = migrations.judge(shipped.pending_postgres(postgres.applied), postgres, reasons)
    pending = shipped.pending_clickhouse(newest)
    if pending:
        client = databases.login.connect()
        try:
            files += migrations.judge(pending, clickhouse, reasons, asking(client))
        finally:
            client.close()
    return Report(files, stale)


def asking(client: "Client") -> Ask:
    """How a ClickHouse server reads statements; it only parses them."""

    def ask(sql: str) -> Asked | None:
        try:
            [[spelling]] = client.query("SELECT formatQuerySingleLine({sql:String})", {"sql": sql}).result_rows
            # The server would look up the settings of what it explains, and this one may not know them yet.
            found = client.raw_query(f"EXPLAIN AST {migrations.SETTINGS.sub('', spelling)}")
        except Exception as error:
            if getattr(error, "code", None) not in REFUSED_TEXT:
                raise CheckFailedError("EXPLAIN AST", first_line(error), "see ClickHouse's log") from None
            if "Empty query" in str(error):
                return None
            raise UnreadableError(PREAMBLE.sub("", first_line(error))[:SHOWN_CHARACTERS]) from None
        lines = found.decode().splitlines()
        return Asked(
            spelling, tuple(ESCAPED.sub(lambda match: ESCAPES.get(match[1], match[1]), line) for line in lines)
        )

    return ask


def clickhouse_live(login: Login) -> tuple[Live, int]:
    """What the ClickHouse database holds, and the newest migration in its ledger.

    Raises:
        CheckFailedError: it does not answer, its ledger is dirty, or it has tables and no ledger.
    """
    client = login.connect()
    try:
        tables = query_rows(client, "clickhouse_objects.sql", database=login.database)
        columns: dict[str, dict[str, str]] = {}
        for table, column, type_name in query_rows(client, "clickhouse_columns.sql", database=login.database):
            columns.setdefault(str(table), {})[str(column)] = str(type_name)
        rows = {
            str(name): _clickhouse_rows(client, login.database, str(name), str(engine), total)
            for name, engine, total, _ in tables
        }
        newest = ledger(client, login)
    finally:
        client.close()
    objects = {
        str(name): Existing(
            "view" if engine in VIEW_ENGINES or engine == "MaterializedView" else "table",
            rows.get(f".inner_id.{uuid}", rows.get(f".inner.{name}", rows[str(name)])),
            columns.get(str(name), {}),
        )
        for name, engine, _, uuid in tables
    }
    _needs_ledger("clickhouse_ledger.sql", f"ClickHouse database {login.database}", objects, known=newest > 0)
    return Live(login.database, objects), newest


def _clickhouse_rows(client: Any, database: str, name: str, engine: str, total: int | None) -> int:
    if engine in VIEW_ENGINES or engine in {"MaterializedView", "Null"}:
        return 0
    if total is not None:
        return int(total)
    count = "SELECT count() FROM {database:Identifier}.{name:Identifier}"
    return int(query_rows(client, count, database=database, name=name)[0][0])


def postgres_live(url: str, schema: str) -> Live:
    """What Langfuse's Postgres schema holds, and the migrations that were finished there.

    Raises:
        CheckFailedError: it does not answer, a migration is unfinished, or it has tables and no ledger.
    """
    with connection(url, "to read what migrations would meet") as db:
        found = query(db, "postgres_tables.sql", {"schema": schema})
        objects = {
            str(name): Existing(
                "table" if stores else "view", _postgres_rows(db, schema, name) if stores else 0, columns
            )
            for name, stores, columns in found
        }
        known = "_prisma_migrations" in objects
        noted = _composed(db, "postgres_applied.sql", ledger=(schema, "_prisma_migrations")) if known else []
    _needs_ledger("postgres_applied.sql", f"Postgres schema {schema}", objects, known=known)
    unfinished = sorted(str(name) for name, finished in noted if not finished)
    if unfinished:
        raise CheckFailedError(
            f"{schema}._prisma_migrations",
            f"unfinished: {', '.join(unfinished)}",
            "see web's log for the statement that failed, mend its cause, then `prisma migrate resolve`; never reset",
            final=True,
        )
    return Live(schema, objects, frozenset(str(name) for name, _ in noted))


def _postgres_rows(db: "Connection[Any]", schema: str, table: str) -> int:
    return int(_composed(db, "postgres_rows.sql", table=(schema, table))[0][0])


def _composed(db: "Connection[Any]", file: str, **names: tuple[str, str]) -> list[tuple[Any, ...]]:
    from psycopg import sql

    text = sql.SQL((SQL / file).read_text(encoding="utf-8"))
    identifiers = {key: sql.Identifier(*parts) for key, parts in names.items()}
    return query(db, text.format(**identifiers, limit=sql.Literal(COUNTED_ROWS)).as_string(db))


def _needs_ledger(probe: str, where: str, objects: Mapping[str, Existing], *, known: bool) -> None:
    others = sorted(set(objects) - migrations.LEDGERS)
    if others and not known:
        raise CheckFailedError(
            probe,
            f"{where} holds {', '.join(others[:3])} and no ledger of applied migrations",
            "find out what made these tables; restore the ledger from a backup, or give Langfuse a place of its own",
            final=True,
        )


def refusal(blocking: Sequence[FileVerdict]) -> str:
    """The files that block, each with the statement, the object and the rows that it would cost."""
    lines = []
    for verdict in blocking[:NAMED_FILES]:
        lines.append(f"{verdict.file.name} is {verdict.verdict.word}, sha256 {verdict.file.sha256}")
        lines += [
            f"{shown(judged)}: {judged.statement}"
            for judged in verdict.statements
            if judged.verdict is Verdict.DESTRUCTIVE
        ]
    more = [f"and {len(blocking) - NAMED_FILES} more files"] if len(blocking) > NAMED_FILES else []
    return "\n          ".join([*lines, *more])


def shown(judged: migrations.Judged) -> str:
    """Object, rows and reason; the reason alone where no object is known."""
    return f"{judged.object}, {judged.rows} rows: {judged.why}" if judged.object else judged.why


def remedy(blocking: Sequence[FileVerdict]) -> str:
    """What the operator does about what was found, in one sentence a kind."""
    causes = {
        judged.cause for verdict in blocking for judged in verdict.statements if judged.verdict is Verdict.DESTRUCTIVE
    }
    first = "; ".join(cause.value for cause in migrations.Cause if cause in causes)
    return f"{first}; then add the digest of each file with the reason to policy/approved-migrations.yaml"


def described(report: Report) -> dict[str, Any]:
    """A report as JSON."""
    return {
        "pending": [
            {
                "file": verdict.file.name,
                "database": verdict.file.dialect,
                "sha256": verdict.file.sha256,
                "verdict": verdict.verdict.word,
                "approved": verdict.approved,
                "statements": [
                    {
                        "statement": judged.statement,
                        "verdict": judged.verdict.word,
                        "object": judged.object,
                        "rows": judged.rows,
                        "why": judged.why,
                    }
                    for judged in verdict.statements
                    if judged.verdict is not Verdict.ADDITIVE
                ],
            }
            for verdict in report.files
        ],
        "stale_approvals": [approval.file for approval in report.stale],
    }

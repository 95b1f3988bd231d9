"""The verdict on every pending file, statement by statement, against what the live database holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from policy.migrations import clickhouse, offline, postgres
from policy.migrations.model import (
    LEDGERS,
    Cause,
    Dialect,
    Effect,
    Existing,
    FileVerdict,
    Judged,
    Live,
    ShippedFile,
    Statement,
    UnreadableError,
    Verdict,
)
from policy.migrations.types import widens

BOOKKEEPING = frozenset({"background_migrations"})
"""Tables in which Langfuse notes its own work; their rows are no operator's data."""
NO_ROWS = frozenset({"index", "constraint", "type"})
SHOWN_CHARACTERS = 160
Finding = tuple[Verdict, str, Cause]


@dataclass
class _Batch:
    """What the pending files did so far."""

    live: Live
    ask: clickhouse.Ask | None
    objects: dict[str, Existing]
    made: dict[str, str] = field(default_factory=dict)
    """Object to its kind."""
    cascades: set[str] = field(default_factory=set)
    """Tables whose rows take others with them when they go."""
    copies: dict[str, set[str]] = field(default_factory=dict)
    """Object made here to the tables its rows were copied from."""
    lost: set[str] = field(default_factory=set)


def judge(
    files: Sequence[ShippedFile],
    live: Live,
    approvals: Mapping[str, str] | None = None,
    ask: clickhouse.Ask | None = None,
) -> list[FileVerdict]:
    """The verdict on each file, in the order in which they will be applied.

    Args:
        files: the pending files of one database.
        live: what that database holds.
        approvals: digest of an approved file to the reason.
        ask: how ClickHouse reads a statement; None where there is no server.
    """
    batch = _Batch(live, ask, dict(live.objects))
    reasons = approvals or {}
    return [FileVerdict(file, tuple(_file(file, batch)), reasons.get(file.sha256, "")) for file in files]


def _file(file: ShippedFile, batch: _Batch) -> list[Judged]:
    try:
        read = _statements(file, batch)
    except UnreadableError as error:
        read = [Statement(file.sql, [Effect("unknown", f"unreadable: {error}", cause=Cause.UNREADABLE)])]
    return [_statement(file.dialect, statement, batch) for statement in read]


def _statements(file: ShippedFile, batch: _Batch) -> list[Statement]:
    if file.dialect == "postgres":
        return postgres.statements(file.sql, batch.live.namespace)
    if batch.ask is None and batch.live.holds_rows:
        raise UnreadableError("there is no ClickHouse server to ask")
    if batch.ask is None:
        return offline.statements(file.sql, batch.live.namespace)
    return clickhouse.statements(file.sql, batch.live.namespace, batch.ask)


def _statement(dialect: Dialect, statement: Statement, batch: _Batch) -> Judged:
    findings = [_effect(dialect, effect, batch) for effect in statement.effects]
    verdict, why, cause = max(findings, key=lambda finding: finding[0])
    decisive = statement.effects[[finding[0] for finding in findings].index(verdict)]
    if verdict is Verdict.DESTRUCTIVE:
        batch.lost |= {effect.name for effect in statement.effects if effect.does in {"takes", "writes"}}
    known = batch.objects.get(decisive.name)
    _remember(statement, batch)
    shown = f"{decisive.name}.{decisive.column}" if decisive.column else decisive.name
    return Judged(_shortened(statement.text), verdict, why, shown, known.rows if known else 0, cause)


def _effect(dialect: Dialect, effect: Effect, batch: _Batch) -> Finding:
    if effect.does == "outside":
        return Verdict.DESTRUCTIVE, effect.what, Cause.OUTSIDE
    if effect.name in LEDGERS and effect.does not in {"keeps", "makes"}:
        effect = Effect("unknown", f"changes the migration history {effect.name}", effect.name)
    if effect.does == "unknown":
        if batch.live.holds_rows:
            return Verdict.DESTRUCTIVE, effect.what, effect.cause
        return Verdict.UNKNOWN, f"{effect.what}; no table of {batch.live.namespace} holds a row", effect.cause
    verdict, why = _JUDGES[effect.does](dialect, effect, batch)
    if verdict is Verdict.DESTRUCTIVE and not batch.live.holds_rows:
        return Verdict.NET_ADDITIVE, f"no table of {batch.live.namespace} holds a row", Cause.LOSS
    return verdict, why, Cause.LOSS


def _keeps(_dialect: Dialect, _effect: Effect, _batch: _Batch) -> tuple[Verdict, str]:
    return Verdict.ADDITIVE, "adds, and takes nothing away"


def _stays(_dialect: Dialect, effect: Effect, _batch: _Batch) -> tuple[Verdict, str]:
    return Verdict.NET_ADDITIVE, effect.what


def _takes(dialect: Dialect, effect: Effect, batch: _Batch) -> tuple[Verdict, str]:
    found = batch.objects.get(effect.name)
    old = found.columns.get(effect.column or "", "") if found else ""
    if effect.what in NO_ROWS:
        return Verdict.NET_ADDITIVE, f"{effect.what}: holds no rows"
    if effect.type and widens(dialect, old, effect.type):
        return Verdict.ADDITIVE, "every value fits the new type"
    if batch.made.get(effect.origin) == "enum":
        return Verdict.NET_ADDITIVE, "keeps each value's text, in an enum made by these same files"
    if found is None:
        made = "made by these same files" if effect.name in batch.made else f"there is no {effect.name}"
        return _on_new(effect, batch, made)
    return _on_existing(effect, found, f"takes the {effect.what} away from {found.rows} rows")


def _writes(_dialect: Dialect, effect: Effect, batch: _Batch) -> tuple[Verdict, str]:
    found = batch.objects.get(effect.name)
    cascades = effect.name in batch.cascades
    if effect.name in BOOKKEEPING:
        return Verdict.NET_ADDITIVE, "only Langfuse's own list of background work"
    if found is None and batch.made.get(effect.name) == "table" and not cascades:
        return _on_new(effect, batch, "changes only a table made by these same files")
    if found is None or found.kind != "table":
        return Verdict.DESTRUCTIVE, "changes or deletes rows through another object"
    if cascades and not effect.column:
        return Verdict.DESTRUCTIVE, f"what refers to {effect.name} goes with its rows"
    return _on_existing(effect, found, f"changes or deletes some of {found.rows} rows")


def _on_new(effect: Effect, batch: _Batch, why: str) -> tuple[Verdict, str]:
    """What holds nothing but what these same files put there; which may be the only copy of what they removed."""
    lost = batch.copies.get(effect.name, set()) & batch.lost
    if lost:
        return Verdict.DESTRUCTIVE, f"changes, or takes away, the copy of {', '.join(sorted(lost))}"
    return Verdict.NET_ADDITIVE, why


def _on_existing(effect: Effect, found: Existing, loss: str) -> tuple[Verdict, str]:
    if not found.rows:
        return Verdict.NET_ADDITIVE, "exists, and holds no rows"
    if effect.column and not _has(found, effect.column):
        return Verdict.NET_ADDITIVE, "a column made by these same files"
    return Verdict.DESTRUCTIVE, loss


def _adds(dialect: Dialect, effect: Effect, batch: _Batch) -> tuple[Verdict, str]:
    new = effect.name not in batch.objects and batch.made.get(effect.name) == "table"
    if dialect == "postgres" or new:
        return Verdict.ADDITIVE, "adds rows"
    return Verdict.DESTRUCTIVE, "may replace rows: engines keep one row a key, and views pass rows on"


def _feeds(_dialect: Dialect, effect: Effect, batch: _Batch) -> tuple[Verdict, str]:
    found = batch.objects.get(effect.name)
    if found is None or not (found.rows or found.kind == "view"):
        return Verdict.ADDITIVE, "computes rows for what holds none"
    if found.kind == "view":
        return Verdict.DESTRUCTIVE, "changes which rows a view computes from now on"
    return Verdict.DESTRUCTIVE, f"may replace or hide some of {found.rows} rows by those that a view computes"


_JUDGES = {
    "keeps": _keeps,
    "makes": _keeps,
    "stays": _stays,
    "takes": _takes,
    "writes": _writes,
    "adds": _adds,
    "feeds": _feeds,
}


def _has(found: Existing, column: str) -> bool:
    """Whether a table has a column; of a nested one ClickHouse lists the parts alone, as `n.a`."""
    return any(name == column or name.startswith(f"{column}.") for name in found.columns)


def _remember(statement: Statement, batch: _Batch) -> None:
    """Keep what later statements of the batch must be judged by."""
    batch.cascades |= statement.cascades
    before, kinds = dict(batch.objects), dict(batch.made)
    for effect in statement.effects:
        if effect.does == "makes" and effect.what != "column":
            renamed = effect.what == "type" and effect.origin
            batch.made[effect.name] = kinds.pop(effect.origin, "type") if renamed else effect.what
            if effect.origin in before and effect.what == "table":
                batch.objects[effect.name] = before[effect.origin]
        elif effect.does == "makes" and effect.origin and effect.column and effect.name in before:
            old = before[effect.name]
            batch.objects[effect.name] = replace(old, columns={**old.columns, effect.column: ""})
        if effect.does in {"makes", "adds", "writes"} and effect.name in batch.made and effect.name not in before:
            batch.copies.setdefault(effect.name, set()).update(statement.reads & set(before))


def _shortened(sql: str) -> str:
    line = " ".join(sql.split())
    return line if len(line) <= SHOWN_CHARACTERS else f"{line[: SHOWN_CHARACTERS - 1]}…"

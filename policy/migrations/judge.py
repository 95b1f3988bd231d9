"""The verdict on every pending file, statement by statement, against what the live database holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from policy.migrations import grammar
from policy.migrations.lexer import Token, UnreadableError, statements, tokens
from policy.migrations.model import LEDGERS, Dialect, Effect, Existing, FileVerdict, Judged, Live, ShippedFile, Verdict
from policy.migrations.shapes import effects, main_word

BOOKKEEPING = frozenset({"background_migrations"})
"""Tables in which Langfuse notes its own work; their rows are no operator's data."""
NO_ROWS = frozenset({"index", "constraint", "type"})
SHOWN_CHARACTERS = 160


@dataclass
class _Batch:
    """What the pending files did so far."""

    live: Live
    objects: dict[str, Existing]
    made: dict[str, str] = field(default_factory=dict)
    """Object to its kind."""
    referenced: set[str] = field(default_factory=set)
    """Tables whose rows take others with them when they go."""
    read_by_views: set[str] = field(default_factory=set)
    copies: dict[str, set[str]] = field(default_factory=dict)
    """Object made here to the tables its rows were copied from."""
    lost: set[str] = field(default_factory=set)


def judge(files: Sequence[ShippedFile], live: Live, approvals: Mapping[str, str] | None = None) -> list[FileVerdict]:
    """The verdict on each file, in the order in which they will be applied.

    Args:
        files: the pending files of one database.
        live: what that database holds.
        approvals: digest of an approved file to the reason.
    """
    batch = _Batch(live, dict(live.objects))
    reasons = approvals or {}
    return [FileVerdict(file, tuple(_file(file, batch)), reasons.get(file.sha256, "")) for file in files]


def _file(file: ShippedFile, batch: _Batch) -> list[Judged]:
    try:
        found = tokens(file.sql, file.dialect)
        grammar.same_words(file.sql, found, file.dialect)
    except UnreadableError as error:
        return [Judged(_shortened(file.sql), Verdict.DESTRUCTIVE, f"unreadable: {error}")]
    except Exception as error:  # noqa: BLE001 - whatever cannot be read is dangerous
        return [Judged(_shortened(file.sql), Verdict.DESTRUCTIVE, f"unreadable: {type(error).__name__}")]
    return [_statement(file, part, batch) for part in statements(found)]


def _statement(file: ShippedFile, found: list[Token], batch: _Batch) -> Judged:
    sql = file.sql[found[0].start : found[-1].end]
    try:
        read = effects(found, file.dialect, batch.live.namespace)
        objection = grammar.objection(sql, main_word(found), read, file.dialect)
        read = [*read, objection] if objection else read
    except Exception as error:  # noqa: BLE001 - whatever cannot be read is dangerous
        read = [Effect("unsafe", f"unreadable: {type(error).__name__}")]
    judged = [_effect(effect, batch) for effect in read]
    worst = max(judged, key=lambda item: item[0])
    decisive = read[judged.index(worst)]
    if worst[0] is Verdict.DESTRUCTIVE:
        batch.lost |= {effect.name for effect in read if effect.does in {"takes", "writes"}}
    rows = known.rows if (known := batch.objects.get(decisive.name)) else 0
    _remember(read, found, file.dialect, batch)
    shown = f"{decisive.name}.{decisive.column}" if decisive.column else decisive.name
    return Judged(_shortened(sql), worst[0], worst[1], shown, rows)


def _effect(effect: Effect, batch: _Batch) -> tuple[Verdict, str]:
    if effect.does == "unsafe":
        return Verdict.DESTRUCTIVE, effect.what
    if effect.does in {"writes", "takes"} and effect.name in LEDGERS:
        return Verdict.DESTRUCTIVE, f"touches the ledger {effect.name}"
    if effect.does in {"keeps", "makes"}:
        return Verdict.ADDITIVE, "adds, and takes nothing away"
    verdict, why = _TAKING[effect.does](effect, batch)
    if verdict is Verdict.DESTRUCTIVE and not batch.live.holds_rows:
        return Verdict.NET_ADDITIVE, f"no table of {batch.live.namespace} holds a row"
    return verdict, why


def _takes(effect: Effect, batch: _Batch) -> tuple[Verdict, str]:
    enum = batch.made.get(effect.origin) == "enum"
    if effect.what in NO_ROWS or enum:
        kept = "keeps each value's text, in an enum made by these same files"
        return Verdict.NET_ADDITIVE, kept if enum else f"{effect.what}: holds no rows"
    found = batch.objects.get(effect.name)
    if found is None:
        lost = batch.copies.get(effect.name, set()) & batch.lost
        if lost:
            return Verdict.DESTRUCTIVE, f"takes the copy of {', '.join(sorted(lost))} away too"
        made = effect.name in batch.made
        return Verdict.NET_ADDITIVE, "made by these same files" if made else f"there is no {effect.name}"
    if not found.rows:
        return Verdict.NET_ADDITIVE, "exists, and holds no rows"
    if effect.column and not _has(found, effect.column):
        return Verdict.NET_ADDITIVE, "column made by these same files"
    return Verdict.DESTRUCTIVE, f"takes the {effect.what} away from {found.rows} rows"


def _writes(effect: Effect, batch: _Batch) -> tuple[Verdict, str]:
    found = batch.objects.get(effect.name)
    if effect.name in BOOKKEEPING:
        return Verdict.NET_ADDITIVE, "only Langfuse's own list of background work"
    if found is None and batch.made.get(effect.name) == "table" and effect.name not in batch.referenced:
        lost = batch.copies.get(effect.name, set()) & batch.lost
        if lost:
            return Verdict.DESTRUCTIVE, f"changes or empties the copy of {', '.join(sorted(lost))}"
        return Verdict.NET_ADDITIVE, "changes only a table made by these same files"
    if found is not None and found.kind == "table":
        return _writes_existing(effect, found, batch)
    return Verdict.DESTRUCTIVE, "changes or deletes rows through another object"


def _writes_existing(effect: Effect, found: Existing, batch: _Batch) -> tuple[Verdict, str]:
    if not found.rows and effect.name not in batch.referenced:
        return Verdict.NET_ADDITIVE, "exists, and holds no rows"
    if effect.column and not _has(found, effect.column):
        return Verdict.NET_ADDITIVE, "fills a column made by these same files"
    return Verdict.DESTRUCTIVE, f"changes or deletes some of {found.rows} rows"


def _has(found: Existing, column: str) -> bool:
    """Whether a table has a column; of a nested one ClickHouse lists the parts alone, as `n.a`."""
    return any(name == column or name.startswith(f"{column}.") for name in found.columns)


def _fills(effect: Effect, batch: _Batch) -> tuple[Verdict, str]:
    new = effect.name not in batch.objects and batch.made.get(effect.name) == "table"
    if new and effect.name not in batch.read_by_views:
        return Verdict.ADDITIVE, "fills a table made by these same files"
    return Verdict.DESTRUCTIVE, "may replace rows: engines keep one row a key"


def _opaque(effect: Effect, _batch: _Batch) -> tuple[Verdict, str]:
    return Verdict.DESTRUCTIVE, effect.what


_TAKING = {"takes": _takes, "writes": _writes, "fills": _fills, "opaque": _opaque}


def _remember(read: Sequence[Effect], found: Sequence[Token], dialect: Dialect, batch: _Batch) -> None:
    """Keep what later statements of the batch must be judged by."""
    names = [_name(token, dialect) for token in found]
    for at, token in enumerate(found):
        if token.upper == "REFERENCES":
            batch.referenced |= set(names[at + 1 : at + 4])
    before = dict(batch.objects)
    for effect in read:
        if effect.does == "makes" and effect.what != "column":
            batch.made[effect.name] = effect.what
            if effect.what == "materialized view":
                batch.read_by_views |= set(names)
        if effect.origin in before and effect.what == "table":
            batch.objects[effect.name] = before[effect.origin]
        elif effect.origin and effect.what == "column" and effect.column and effect.name in before:
            old = before[effect.name]
            batch.objects[effect.name] = replace(old, columns=old.columns | {effect.column})
    if any(token.upper == "SELECT" for token in found):
        sources = set(names) & set(before)
        for name in set(names) & set(batch.made) - set(before):
            batch.copies.setdefault(name, set()).update(sources)


def _name(token: Token, dialect: Dialect) -> str:
    if token.kind == "name":
        return token.text[1:-1]
    if token.kind != "word":
        return ""
    return token.text.lower() if dialect == "postgres" else token.text


def _shortened(sql: str) -> str:
    line = " ".join(sql.split())
    return line if len(line) <= SHOWN_CHARACTERS else f"{line[: SHOWN_CHARACTERS - 1]}…"

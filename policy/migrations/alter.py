"""The allow-list of ALTER TABLE: each action, and what it takes away."""

import re

from policy.migrations.cursor import Cursor, NoShapeError
from policy.migrations.model import Effect
from policy.migrations.words import HARMLESS_SETTINGS, METADATA_SETTING, only_reads

Effects = list[Effect]
KEEPS = Effect("keeps", "data")
ACTIONS = re.compile(
    "ADD|ALTER|APPLY|ATTACH|CLEAR|COMMENT|DELETE|DETACH|DROP|EXECUTE|FETCH|FORGET|FREEZE|MATERIALIZE|MODIFY|MOVE|REMOVE|"
    "RENAME|REPLACE|RESET|REWRITE|UNFREEZE|UPDATE"
)
"""First words of what ALTER TABLE can do to a table of ClickHouse's."""


def actions(cursor: Cursor, table: str) -> Effects:
    """Effects of the actions of an ALTER TABLE whose name was read.

    Raises:
        NoShapeError: one of them is not on the list.
    """
    read = _postgres
    if cursor.dialect == "clickhouse":
        if cursor.take("MODIFY", "QUERY"):
            first, *further = cursor.parts()
            if not first.rest or first.rest[0].upper not in {"SELECT", "WITH"} or any(map(_may_act, further)):
                raise NoShapeError
            return [Effect("keeps", "rows: only how a view computes new ones changes")]
        if cursor.take("MODIFY", "SETTING"):
            return [KEEPS if _sets(cursor, METADATA_SETTING) else Effect("takes", "rows", table)]
        cursor, read = _without_settings(cursor), _clickhouse
    found: Effects = []
    for part in cursor.parts():
        found += read(part, table)
    return found


def _may_act(part: Cursor) -> bool:
    """Whether what stands behind a comma of a query is, or could be, the next action: ClickHouse reads on there."""
    return not part.rest or bool(ACTIONS.fullmatch(part.rest[0].upper))


def _sets(cursor: Cursor, allowed: re.Pattern[str]) -> bool:
    """Whether what is left is `name = value`, once or more, with names from this list alone."""
    for part in cursor.parts():
        match part.rest:
            case [name, equals, value] if name.kind == "word" and equals.text == "=":
                if not allowed.fullmatch(name.text) or value.kind not in {"number", "string"}:
                    return False
            case _:
                return False
    return True


def _without_settings(cursor: Cursor) -> Cursor:
    """The actions without the settings that the query runs with.

    Raises:
        NoShapeError: one of these settings is not known to be harmless.
    """
    depth = 0
    for at, token in enumerate(cursor.rest):
        depth += (token.text in {"(", "["}) - (token.text in {")", "]"}) if token.kind == "mark" else 0
        if depth == 0 and token.upper == "SETTINGS":
            settings = Cursor(cursor.rest[at + 1 :], cursor.dialect, cursor.namespace)
            if not _sets(settings, HARMLESS_SETTINGS["clickhouse"]):
                raise NoShapeError
            return Cursor(cursor.rest[:at], cursor.dialect, cursor.namespace)
    return cursor


def _postgres(action: Cursor, table: str) -> Effects:
    if action.take("ADD"):
        return _postgres_add(action, table)
    if action.take("DROP"):
        if action.take("CONSTRAINT"):
            action.if_exists()
            action.identifier()
            action.take("RESTRICT")
            action.end()
            return [Effect("takes", "constraint", table)]
        action.take("COLUMN")
        return [Effect("takes", "column", table, _last_identifier(action))]
    if action.take("ALTER"):
        action.take("COLUMN")
        return _postgres_column(action, table)
    if action.take("RENAME"):
        return _postgres_rename(action, table)
    raise NoShapeError


def _postgres_add(action: Cursor, table: str) -> Effects:
    if not only_reads(action):
        raise NoShapeError
    if action.one_of("CONSTRAINT", "PRIMARY KEY", "UNIQUE", "FOREIGN KEY", "CHECK"):
        return [KEEPS]
    action.take("COLUMN")
    action.if_exists()
    return [Effect("makes", "column", table, action.identifier())]


def _postgres_column(action: Cursor, table: str) -> Effects:
    column = action.identifier()
    if action.one_of("DROP DEFAULT", "SET NOT NULL", "DROP NOT NULL"):
        action.end()
        return [KEEPS]
    if action.take("SET", "DEFAULT") and only_reads(action):
        return [KEEPS]
    if action.one_of("SET DATA TYPE", "TYPE") and only_reads(action):
        return [Effect("takes", "values of column", table, column, _same_labels(action, column))]
    raise NoShapeError


def _same_labels(action: Cursor, column: str) -> str:
    """The type that a column gets under the very text of its values (`TYPE t USING c::text::t`); empty for any other.

    When that type is an enum, a value either is one of its labels or makes the statement fail.
    """
    target = action.identifier()
    if not action.take("USING"):
        return ""
    bracket = action.take("(")
    if action.identifier() != column:
        return ""
    action.take(":", ":", "TEXT")
    if not action.take(":", ":") or action.identifier() != target or (bracket and not action.take(")")):
        return ""
    return "" if action.rest else target


def _postgres_rename(action: Cursor, table: str) -> Effects:
    if action.take("TO"):
        new = action.identifier()
        action.end()
        return [Effect("takes", "name of table", table), Effect("makes", "table", new, origin=table)]
    constraint = action.take("CONSTRAINT")
    if not constraint:
        action.take("COLUMN")
    old = action.identifier()
    if not action.take("TO"):
        raise NoShapeError
    new = action.identifier()
    action.end()
    if constraint:
        return [KEEPS]
    return [Effect("takes", "name of column", table, old), Effect("makes", "column", table, new, origin=old)]


def _last_identifier(action: Cursor) -> str:
    action.if_exists()
    column = action.identifier()
    action.take("RESTRICT")
    action.end()
    return column


ADDING = (
    *("ADD INDEX", "ADD PROJECTION", "ADD CONSTRAINT", "MATERIALIZE INDEX", "MATERIALIZE PROJECTION"),
    *("COMMENT COLUMN", "MODIFY COMMENT"),
)
ON_ROWS = (
    *("CLEAR COLUMN", "CLEAR INDEX", "DROP PARTITION", "DROP PART", "DETACH PARTITION", "DETACH PART"),
    *("MODIFY TTL", "REMOVE TTL", "MODIFY ORDER BY", "MODIFY SETTING", "RESET SETTING", "DELETE", "UPDATE"),
)


def _clickhouse(action: Cursor, table: str) -> Effects:
    if action.one_of(*ADDING):
        return [KEEPS]
    if action.one_of("DROP INDEX", "DROP PROJECTION", "DROP CONSTRAINT"):
        _last_identifier(action)
        return [Effect("takes", "index", table)]
    if action.one_of(*ON_ROWS):
        return [Effect("takes", "rows", table)]
    return _clickhouse_column(action, table)


def _clickhouse_column(action: Cursor, table: str) -> Effects:
    verb = action.one_of("ADD COLUMN", "DROP COLUMN", "MODIFY COLUMN", "ALTER COLUMN", "RENAME COLUMN")
    if verb == "DROP COLUMN":
        return [Effect("takes", "column", table, _last_identifier(action))]
    if not verb:
        raise NoShapeError
    action.if_exists()
    column = action.identifier()
    if verb == "ADD COLUMN":
        return [Effect("makes", "column", table, column)]
    if verb != "RENAME COLUMN":
        return [Effect("takes", "values of column", table, column)]
    if not action.take("TO"):
        raise NoShapeError
    new = action.identifier()
    action.end()
    return [Effect("takes", "name of column", table, column), Effect("makes", "column", table, new, origin=column)]

"""The allow-list of ALTER TABLE: each action, and what it takes away."""

from policy.migrations.cursor import Cursor, NoShapeError
from policy.migrations.model import Effect
from policy.migrations.words import only_reads

Effects = list[Effect]
KEEPS = Effect("keeps", "data")


def actions(cursor: Cursor, table: str) -> Effects:
    """Effects of the actions of an ALTER TABLE whose name was read.

    Raises:
        NoShapeError: one of them is not on the list.
    """
    if cursor.dialect == "clickhouse" and cursor.take("MODIFY", "QUERY"):
        if not cursor.rest or cursor.rest[0].upper not in {"SELECT", "WITH"}:
            raise NoShapeError
        return [Effect("keeps", "rows: only how a view computes new ones changes")]
    read = _postgres if cursor.dialect == "postgres" else _clickhouse
    found: Effects = []
    for part in cursor.parts():
        found += read(part, table)
    return found


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
        return [Effect("takes", "values of column", table, column)]
    raise NoShapeError


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

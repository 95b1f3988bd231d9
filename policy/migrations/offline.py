"""What can be said about a ClickHouse statement where there is no server to ask: only whether it stays at home."""

import logging

from policy.migrations.model import Cause, Effect, Statement


def statements(sql: str, namespace: str) -> list[Statement]:
    """Effects of each piece between semicolons: it stays at home, reaches outside, or only a server could read it.

    Args:
        sql: the file's text.
        namespace: Langfuse's own database.
    """
    return [Statement(part.strip(), [_effect(part, namespace)]) for part in sql.split(";") if part.strip()]


def _effect(sql: str, namespace: str) -> Effect:
    import sqlglot
    from sqlglot import exp

    logging.getLogger("sqlglot").setLevel(logging.CRITICAL + 1)
    unread = Effect("unknown", "only a ClickHouse server can read it, and none was asked", cause=Cause.UNREADABLE)
    try:
        tree = sqlglot.parse_one(sql, dialect="clickhouse")
    except Exception:  # noqa: BLE001 - a parser that stumbles has not understood
        return unread
    for table in tree.find_all(exp.Table):
        if table.db not in {"", namespace}:
            return Effect("outside", f"names {table.db}.{table.name}, outside {namespace}")
    if isinstance(tree, (exp.Create, exp.Drop)) and tree.args.get("kind") not in {"TABLE", "VIEW", "INDEX"}:
        return Effect("outside", f"{tree.key.upper()} of what is no table or view")
    if isinstance(tree, (exp.Create, exp.Drop, exp.Alter, exp.Insert, exp.Select, exp.Delete, exp.TruncateTable)):
        return Effect("stays", "names nothing outside, and no table holds a row")
    return unread

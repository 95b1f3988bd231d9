"""The allow-list: statements of known shape and what each does. Whatever has no shape here is not safe."""

import re
from collections.abc import Callable, Mapping, Sequence

from policy.migrations import alter
from policy.migrations.cursor import Cursor, NoShapeError, OutsideError
from policy.migrations.lexer import Token
from policy.migrations.model import Dialect, Effect
from policy.migrations.words import (
    ALWAYS_REFUSED,
    DANGEROUS_FUNCTION,
    HARMLESS_SETTINGS,
    ON_ROWS,
    PLAIN_ENGINE,
    only_reads,
)

Effects = list[Effect]
KEEPS = Effect("keeps", "data")
WORD = re.compile(r"[A-Z_][A-Z0-9_]*|\.")


def effects(tokens: Sequence[Token], dialect: Dialect, namespace: str) -> Effects:
    """What one statement does, read from its words alone.

    Args:
        tokens: of the statement, not empty.
        dialect: whose SQL it is.
        namespace: Langfuse's own database or schema.
    """
    cursor = Cursor(tokens, dialect, namespace)
    first = cursor.tokens[0].upper
    refused = _refused(tokens)
    if refused:
        return [Effect("unsafe", refused)]
    try:
        shape = SHAPES.get(first)
        if shape is None:
            return [Effect("opaque" if first in ON_ROWS else "unsafe", f"{first or 'a statement'} is not on the list")]
        cursor.at = 1
        return shape(cursor)
    except OutsideError as outside:
        return [Effect("unsafe", f"names {outside}, outside {namespace}")]
    except NoShapeError:
        return [Effect("opaque", f"this form of {first} is not on the list")]


def _refused(tokens: Sequence[Token]) -> str:
    """Why a statement is refused whatever the databases hold, if it is."""
    spelled = " ".join(token.upper or "," for token in tokens)
    bodies = " ".join(token.text for token in tokens if token.kind == "string" and tokens[0].upper in {"DO", "CREATE"})
    hidden = " ".join(WORD.findall(bodies.upper()))
    if "EXECUTE" in hidden.split():
        return "EXECUTE inside a body runs what cannot be read here"
    spelled = f"{spelled} , {hidden}"
    for phrase in ALWAYS_REFUSED:
        if f" {phrase} " in f" {spelled} ":
            return f"{phrase} is never let through by itself"
    for token in tokens:
        word = DANGEROUS_FUNCTION.search(token.text)
        if word:
            return f"{word[0]} reaches further than its own table"
    return ""


def _create(cursor: Cursor) -> Effects:
    replace = cursor.take("OR", "REPLACE")
    postgres = cursor.dialect == "postgres"
    temporary = bool(cursor.one_of("TEMPORARY", "TEMP")) and postgres
    kind = cursor.one_of("TABLE", "MATERIALIZED VIEW", "VIEW", "UNIQUE INDEX", "INDEX", "TYPE")
    if kind.endswith("INDEX"):
        return _create_index(cursor)
    if not kind or (temporary and kind != "TABLE") or (kind == "TYPE" and not postgres):
        raise NoShapeError
    cursor.if_exists()
    name = cursor.name()
    cursor.on_cluster()
    if not only_reads(cursor) or {"INHERITS", "REFRESH"} & set(cursor.words):
        raise NoShapeError
    if kind == "TABLE":
        _plain_table(cursor)
    what = "enum" if kind == "TYPE" and cursor.take("AS", "ENUM") else kind.lower()
    return [Effect("takes", what, name), Effect("makes", what, name)] if replace else [Effect("makes", what, name)]


def _plain_table(cursor: Cursor) -> None:
    """A table of its own, which stores its rows itself."""
    if cursor.dialect == "postgres" and cursor.take("PARTITION", "OF"):
        raise NoShapeError
    for at, token in enumerate(cursor.tokens):
        if cursor.dialect == "clickhouse" and token.upper == "ENGINE":
            named = [next_token for next_token in cursor.tokens[at + 1 : at + 3] if next_token.text != "="]
            if not named or not PLAIN_ENGINE.fullmatch(named[0].text):
                raise NoShapeError


def _create_index(cursor: Cursor) -> Effects:
    if cursor.dialect != "postgres":
        raise NoShapeError
    cursor.take("CONCURRENTLY")
    cursor.if_exists()
    if not cursor.take("ON"):
        cursor.name()
        if not cursor.take("ON"):
            raise NoShapeError
    cursor.take("ONLY")
    cursor.name()
    if not only_reads(cursor):
        raise NoShapeError
    return [KEEPS]


def _drop(cursor: Cursor) -> Effects:
    kind = cursor.one_of("TABLE", "MATERIALIZED VIEW", "VIEW", "INDEX CONCURRENTLY", "INDEX", "TYPE")
    if not kind:
        raise NoShapeError
    cursor.if_exists()
    names = cursor.names()
    if cursor.dialect == "clickhouse" and kind == "INDEX":
        if not cursor.take("ON"):
            raise NoShapeError
        cursor.name()
    cursor.on_cluster()
    if cursor.dialect == "clickhouse":
        cursor.one_of("SYNC", "NO DELAY")
    cursor.take("RESTRICT")
    cursor.end()
    what = kind.split()[0].lower() if kind != "MATERIALIZED VIEW" else "view"
    return [Effect("takes", what, name) for name in names]


def _alter(cursor: Cursor) -> Effects:
    kind = cursor.one_of("TABLE", "INDEX", "TYPE")
    if not kind:
        raise NoShapeError
    cursor.if_exists()
    if kind == "TABLE":
        cursor.take("ONLY")
        name = cursor.name()
        cursor.on_cluster()
        return alter.actions(cursor, name)
    if cursor.dialect != "postgres":
        raise NoShapeError
    name = cursor.name()
    done = [KEEPS]
    if cursor.take("RENAME", "TO"):
        new = cursor.identifier()
        # Postgres renames a table by ALTER INDEX too.
        renamed = [Effect("takes", "name", name), Effect("makes", "table", new, origin=name)]
        done = [Effect("makes", "type", new)] if kind == "TYPE" else renamed
    elif kind == "TYPE" and cursor.take("ADD", "VALUE"):
        cursor.if_exists()
        _string(cursor)
        if cursor.one_of("BEFORE", "AFTER"):
            _string(cursor)
    else:
        raise NoShapeError
    cursor.end()
    return done


def _string(cursor: Cursor) -> None:
    if not cursor.rest or cursor.rest[0].kind != "string":
        raise NoShapeError
    cursor.at += 1


def _insert(cursor: Cursor) -> Effects:
    if not cursor.take("INTO"):
        raise NoShapeError
    cursor.take("TABLE")
    name = cursor.name()
    if cursor.dialect == "clickhouse":
        return [Effect("fills", "table", name)]
    conflict = " ON CONFLICT " in f" {' '.join(cursor.words)} "
    if not only_reads(cursor):
        raise NoShapeError
    updates = conflict and "DO UPDATE" in " ".join(cursor.words)
    return [Effect("writes", "table", name)] if updates else [KEEPS]


def _with(cursor: Cursor) -> Effects:
    """A statement that reads from parts of its own, each in brackets."""
    if cursor.dialect != "postgres":
        raise NoShapeError
    while True:
        cursor.identifier()
        cursor.bracket()
        if not cursor.take("AS"):
            raise NoShapeError
        cursor.one_of("NOT MATERIALIZED", "MATERIALIZED")
        body = cursor.bracket()
        if not body.words or body.words[0] != "SELECT" or not only_reads(body):
            raise NoShapeError
        if not cursor.take(","):
            break
    verb = cursor.one_of("UPDATE", "DELETE", "INSERT")
    if not verb:
        raise NoShapeError
    return SHAPES[verb](cursor)


def main_word(tokens: Sequence[Token]) -> str:
    """The word that says what a statement does: its first, or after WITH the verb outside of all brackets."""
    if tokens[0].upper != "WITH":
        return tokens[0].upper
    outer = _outer_words(Cursor(tokens, "postgres", ""))
    return next((word for word in outer if word in {"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE"}), "")


def _update(cursor: Cursor) -> Effects:
    cursor.take("ONLY")
    name = cursor.name()
    if cursor.take("AS") or not cursor.take("SET"):
        cursor.identifier()
        if not cursor.take("SET"):
            raise NoShapeError
    if not only_reads(cursor):
        raise NoShapeError
    columns = []
    for part in cursor.parts():
        columns.append(part.identifier())
        if not part.take("="):
            raise NoShapeError
        if {"FROM", "WHERE"} & set(" ".join(_outer_words(part)).replace("DISTINCT FROM", "").split()):
            break
    return [Effect("writes", "table", name, column) for column in columns]


def _outer_words(cursor: Cursor) -> list[str]:
    depth, found = 0, []
    for token in cursor.rest:
        depth += (token.text == "(") - (token.text == ")") if token.kind == "mark" else 0
        if depth == 0 and token.upper:
            found.append(token.upper)
    return found


def _delete(cursor: Cursor) -> Effects:
    if not cursor.take("FROM"):
        raise NoShapeError
    cursor.take("ONLY")
    name = cursor.name()
    cursor.on_cluster()
    if not only_reads(cursor):
        raise NoShapeError
    return [Effect("writes", "table", name)]


def _truncate(cursor: Cursor) -> Effects:
    cursor.take("TABLE")
    cursor.if_exists()
    cursor.take("ONLY")
    names = cursor.names()
    cursor.on_cluster()
    cursor.one_of("RESTART IDENTITY", "CONTINUE IDENTITY", "SYNC")
    cursor.take("RESTRICT")
    cursor.end()
    return [Effect("writes", "table", name) for name in names]


def _rename(cursor: Cursor) -> Effects:
    if cursor.dialect != "clickhouse" or not cursor.take("TABLE"):
        raise NoShapeError
    found: Effects = []
    while True:
        old = cursor.name()
        if not cursor.take("TO"):
            raise NoShapeError
        new = cursor.name()
        found += [Effect("takes", "table", old), Effect("takes", "table", new)]
        found.append(Effect("makes", "table", new, origin=old))
        if not cursor.take(","):
            break
    cursor.on_cluster()
    cursor.end()
    return found


def _exchange(cursor: Cursor) -> Effects:
    if cursor.dialect != "clickhouse" or not cursor.take("TABLES"):
        raise NoShapeError
    one = cursor.name()
    if not cursor.take("AND"):
        raise NoShapeError
    two = cursor.name()
    cursor.on_cluster()
    cursor.end()
    return [
        Effect("takes", "table", one),
        Effect("takes", "table", two),
        Effect("makes", "table", one, origin=two),
        Effect("makes", "table", two, origin=one),
    ]


def _detach(cursor: Cursor) -> Effects:
    if cursor.dialect != "clickhouse" or not cursor.one_of("TABLE", "VIEW"):
        raise NoShapeError
    cursor.if_exists()
    name = cursor.name()
    cursor.on_cluster()
    cursor.one_of("PERMANENTLY SYNC", "PERMANENTLY", "SYNC")
    cursor.end()
    return [Effect("takes", "table", name)]


def _comment(cursor: Cursor) -> Effects:
    if not cursor.take("ON") or not only_reads(cursor):
        raise NoShapeError
    if cursor.take("COLUMN"):
        cursor.column()
    elif cursor.one_of("TABLE", "MATERIALIZED VIEW", "VIEW", "INDEX", "TYPE"):
        cursor.name()
    else:
        return [Effect("unsafe", "COMMENT on what is no table, column, view, index or type")]
    return [KEEPS]


def _set(cursor: Cursor) -> Effects:
    if cursor.dialect == "postgres":
        cursor.one_of("LOCAL", "SESSION")
    setting = cursor.identifier()
    if HARMLESS_SETTINGS[cursor.dialect].fullmatch(setting) and cursor.one_of("=", "TO") and len(cursor.rest) == 1:
        return [KEEPS]
    return [Effect("unsafe", f"SET {setting} changes what later statements mean or may do")]


def _grant(cursor: Cursor) -> Effects:
    if "ON" not in cursor.words or cursor.dialect != "postgres":
        return [Effect("unsafe", "GRANT of a role hands over all that it may do")]
    cursor.at += next(at for at, token in enumerate(cursor.rest) if token.upper == "ON") + 1
    if not cursor.one_of("SCHEMA", "ALL TABLES IN SCHEMA", "ALL SEQUENCES IN SCHEMA"):
        cursor.one_of("TABLE", "SEQUENCE")
        cursor.names()
    elif cursor.identifier() != cursor.namespace:
        return [Effect("unsafe", "GRANT in another schema")]
    if not cursor.take("TO"):
        raise NoShapeError
    return [KEEPS]


def _transaction(cursor: Cursor) -> Effects:
    cursor.one_of("TRANSACTION", "WORK")
    cursor.end()
    return [KEEPS]


def _select(cursor: Cursor) -> Effects:
    if len(cursor.rest) == 1 and cursor.rest[0].kind in {"number", "string"}:
        return [KEEPS]
    raise NoShapeError


SHAPES: Mapping[str, Callable[[Cursor], Effects]] = {
    "CREATE": _create,
    "DROP": _drop,
    "ALTER": _alter,
    "INSERT": _insert,
    "UPDATE": _update,
    "DELETE": _delete,
    "WITH": _with,
    "TRUNCATE": _truncate,
    "RENAME": _rename,
    "EXCHANGE": _exchange,
    "DETACH": _detach,
    "COMMENT": _comment,
    "SET": _set,
    "GRANT": _grant,
    "BEGIN": _transaction,
    "COMMIT": _transaction,
    "SELECT": _select,
}

"""The second opinion: what a real SQL grammar makes of a statement, and whether that agrees with its words."""

import logging
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from policy.migrations.lexer import Token, UnreadableError, code_positions
from policy.migrations.model import Dialect, Effect

if TYPE_CHECKING:
    from sqlglot import exp

KNOWN_FUNCTIONS = frozenset(
    {
        *("gen_random_uuid", "uuid_generate_v4", "clock_timestamp", "statement_timestamp", "transaction_timestamp"),
        *("to_json", "to_jsonb", "row_to_json", "json_build_object", "jsonb_build_object", "json_build_array"),
        *("jsonb_build_array", "jsonb_agg", "json_agg", "jsonb_object_agg", "jsonb_set", "jsonb_typeof", "json_typeof"),
        *("jsonb_array_elements", "jsonb_array_elements_text", "jsonb_each", "jsonb_object_keys", "jsonb_strip_nulls"),
        *("jsonb_array_length", "array_append", "array_remove", "array_position", "cardinality", "encode", "decode"),
        *("md5", "sha256", "digest", "btrim", "ltrim", "rtrim", "to_char", "to_timestamp", "regexp_replace", "nextval"),
        *("quote_ident", "quote_literal", "format", "char_length", "octet_length", "date_part", "make_interval"),
    }
)
"""Postgres functions without side effects that the grammar has no class for."""

QUOTES = 2
LITERAL = re.compile(r"[eE]?'|\$")
FIRST_WORDS = {
    "Create": "CREATE",
    "Drop": "DROP",
    "Alter": "ALTER",
    "Insert": "INSERT",
    "Update": "UPDATE",
    "Delete": "DELETE",
    "TruncateTable": "TRUNCATE",
    "Detach": "DETACH",
    "Comment": "COMMENT",
    "Set": "SET",
    "Grant": "GRANT",
    "Transaction": "BEGIN",
    "Commit": "COMMIT",
    "Select": "SELECT",
}
KEEPING_ACTIONS = frozenset({"ColumnDef", "AddConstraint", "AlterColumn", "AlterRename", "AlterModifySqlSecurity"})


def same_words(sql: str, found: Sequence[Token], dialect: Dialect) -> None:
    """The grammar's tokenizer must see code where our lexer sees code, and comments and strings where it sees those.

    Raises:
        UnreadableError: they differ, or the text cannot be taken apart.
    """
    from sqlglot.errors import SqlglotError

    try:
        positions = set(_code(sql, 0, dialect))
    except (SqlglotError, ValueError, RecursionError) as error:
        raise UnreadableError("the grammar cannot take it apart") from error
    ours = {position for position in code_positions(list(found)) if not sql[position].isspace()}
    if positions != ours:
        at = min(positions ^ ours)
        raise UnreadableError(f"two readings differ at {sql[at : at + 12]!a}")


def _code(sql: str, offset: int, dialect: Dialect) -> Iterator[int]:
    """Where the grammar's tokenizer sees code."""
    from sqlglot.dialects.dialect import Dialect as Grammar

    for token in Grammar.get_or_raise(dialect).tokenize(sql):
        text = sql[token.start : token.end + 1]
        if "STRING" not in token.token_type.name:
            yield from (offset + token.start + at for at, character in enumerate(text) if not character.isspace())
        elif not LITERAL.match(text) or len(text) < len(token.text) + QUOTES:
            # The rest of a command that it does not know comes in one piece, unread.
            start = token.end + 1 - len(token.text)
            yield from _code(sql[start : token.end + 1], offset + start, dialect)


def objection(sql: str, first: str, effects: Sequence[Effect], dialect: Dialect) -> Effect | None:
    """What the grammar has against the reading of one statement; None when both agree.

    Args:
        sql: one statement.
        first: its first word.
        effects: what its words were read as.
        dialect: whose SQL it is.
    """
    import sqlglot
    from sqlglot import exp

    logging.getLogger("sqlglot").setLevel(logging.CRITICAL + 1)
    try:
        parsed = sqlglot.parse(sql, dialect=dialect)
    except Exception:  # noqa: BLE001 - a parser that stumbles has not understood
        return Effect("unsafe", "unparseable")
    if len(parsed) != 1 or parsed[0] is None:
        return Effect("unsafe", "not one statement")
    root = parsed[0]
    if isinstance(root, exp.Command):
        return None
    if FIRST_WORDS.get(type(root).__name__) != first:
        agreed = all(effect.does in {"opaque", "unsafe"} for effect in effects)
        return None if agreed else Effect("unsafe", "two readings differ on the kind of statement")
    if dialect == "postgres":
        unknown = sorted({call.name.lower() for call in root.find_all(exp.Anonymous)} - KNOWN_FUNCTIONS)
        if unknown:
            return Effect("opaque", f"calls {unknown[0]}(), which may do anything")
    return _disagreement(root, effects, dialect)


def _disagreement(root: "exp.Expr", effects: Sequence[Effect], dialect: Dialect) -> Effect | None:
    from sqlglot import exp

    differ = Effect("unsafe", "two readings differ on what is taken away")
    taking = [effect for effect in effects if effect.does not in {"keeps", "makes", "fills"}]
    if any(effect.does in {"opaque", "unsafe"} for effect in taking):
        return None
    writing = (exp.Delete, exp.Update, exp.Insert, exp.Drop, exp.TruncateTable, exp.Merge)
    nested = [node for node in root.find_all(*writing) if node is not root]
    if not taking:
        actions = root.args.get("actions") or []
        quiet = not nested and not (isinstance(root, exp.Create) and root.args.get("replace"))
        known = all(
            type(action).__name__ in KEEPING_ACTIONS and not action.args.get("dtype")
            for action in actions
            if not isinstance(action, exp.ColumnDef)
        )
        return None if quiet and known and not isinstance(root, (exp.Drop, exp.Delete, exp.Update)) else differ
    if isinstance(root, (exp.Drop, exp.Alter, exp.Delete, exp.Update, exp.Insert)):
        target = root.find(exp.Table)
        identifier = target.this if target is not None else None
        if not isinstance(identifier, exp.Identifier):
            return differ
        folded = identifier.name.lower() if dialect == "postgres" and not identifier.quoted else identifier.name
        if folded not in {effect.name for effect in effects}:
            return differ
    return None

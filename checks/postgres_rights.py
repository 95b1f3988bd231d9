"""Proof that Langfuse's Postgres role is confined to its schema: by trying, since rights come from many places."""

from typing import TYPE_CHECKING, Any

from checks.base import CheckFailedError, first_line
from checks.postgres import SQL, query

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.sql import Composed


def confined(db: "Connection[Any]", schema: str) -> list[str]:
    """Try to write into, read from, alter, empty and drop in every foreign schema; all attempts are rolled back.

    Returns:
        The foreign schemas.

    Raises:
        CheckFailedError: an attempt succeeded, or failed for another reason than missing rights.
    """
    from psycopg import sql

    tables = query(db, "schema_foreign_tables.sql", {"own": schema})
    for foreign, table, some_right in tables:
        identifiers = {"schema": sql.Identifier(foreign), "table": sql.Identifier(foreign, table or "")}
        for line in (SQL / "schema_forbidden.sql").read_text(encoding="utf-8").splitlines():
            if table or "{table}" not in line:
                _refused(db, sql.SQL(line).format(**identifiers), foreign)
        if some_right:
            raise _not_confined(f"has_table_privilege({foreign}.{table})", foreign)
    for line in (SQL / "database_forbidden.sql").read_text(encoding="utf-8").splitlines():
        _refused(db, sql.SQL(line).format(), None)
    memberships = [str(row[0]) for row in query(db, "schema_memberships.sql")]
    if memberships:
        names = ", ".join(memberships)
        raise CheckFailedError(
            "schema_memberships.sql",
            f"the Langfuse role is a member of {names}",
            f"REVOKE {names} from the Langfuse role: it may act as each of them",
            final=True,
        )
    return [foreign for foreign, _, _ in tables]


def _refused(db: "Connection[Any]", attempt: "Composed", foreign: str | None) -> None:
    import psycopg

    text = attempt.as_string(db)
    try:
        with db.transaction(force_rollback=True):
            db.execute(attempt)
    except psycopg.errors.InsufficientPrivilege:
        return
    except psycopg.Error as error:
        raise CheckFailedError(text, first_line(error), "expected 42501 (insufficient privilege)") from None
    raise _not_confined(text, foreign)


def _not_confined(probe: str, foreign: str | None) -> CheckFailedError:
    everywhere = "REVOKE CREATE ON DATABASE from the Langfuse role and from PUBLIC, and make the role NOCREATEROLE"
    here = (
        f"REVOKE ALL ON SCHEMA {foreign}, and on all its tables, from the Langfuse role, and from PUBLIC as far as its "
        "owner allows"
    )
    return CheckFailedError(probe, "allowed", here if foreign else everywhere, final=True)

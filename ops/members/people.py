"""Who may come into Langfuse, as its own tables say: read, never written."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checks.postgres import connection, query

if TYPE_CHECKING:
    from psycopg import Connection

SQL = Path(__file__).parent / "sql"
INVITATIONS = "membership_invitations"


@dataclass(frozen=True)
class Person:
    """One person in one organization."""

    email: str
    name: str
    organization: str | None
    """None for somebody who signed up and belongs nowhere."""
    role: str | None
    invited: bool
    """Whether the person is yet to sign up."""
    since: str
    """UTC, ISO 8601."""


def people(url: str, schema: str) -> list[Person]:
    """Members, people without an organization, and invitations.

    Args:
        url: of Langfuse's Postgres, as a role that may read it.
        schema: Langfuse's.

    Raises:
        CheckFailedError: the tables cannot be read.
    """
    with connection(url, "to list members") as db:
        db.read_only = True
        with db.transaction():
            return list(_people(db, schema))


def _people(db: "Connection[Any]", schema: str) -> Iterator[Person]:
    files = [("members.sql", False)]
    if query(db, _text("table_exists.sql"), {"schema": schema, "name": INVITATIONS})[0][0]:
        files.append(("invitations.sql", True))
    for file, invited in files:
        for email, name, organization, role, since in query(db, _in_schema(db, file, schema)):
            yield Person(email or "", name, organization, role, invited, f"{since:%Y-%m-%dT%H:%M:%SZ}")


def _in_schema(db: "Connection[Any]", file: str, schema: str) -> str:
    from psycopg import sql

    return sql.SQL(_text(file)).format(schema=sql.Identifier(schema)).as_string(db)


def _text(file: str) -> str:
    return (SQL / file).read_text(encoding="utf-8")

"""A connection to somebody's Postgres: bounded in time, and every refusal a finding that shows no password."""

from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checks.base import CheckFailedError, first_line
from urls import PostgresUrl, UrlError, postgres_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

SQL = Path(__file__).parent / "sql"
TIMEOUT_SECONDS = 5
SESSION_OPTIONS = "-c statement_timeout=60000 -c lock_timeout=5000"
"""Milliseconds."""
NO_OPTIONS = "unsupported startup parameter: options"
"""PgBouncer before 1.20 refuses all options: then the deadline of the check is the only limit."""


def parsed(url: str, what: str) -> PostgresUrl:
    """`url`, parsed.

    Raises:
        CheckFailedError: it cannot be used; the message shows no value of it.
    """
    try:
        return postgres_url(url)
    except UrlError as error:
        raise CheckFailedError(f"login {what}", f"the URL: {error}", "mend the URL in the vault", final=True) from None


@contextmanager
def connection(url: str, what: str, *, may_lag: bool = False) -> "Iterator[Connection[Any]]":
    """An autocommitting connection with time-outs.

    Args:
        url: where to, and as whom.
        what: what for, in words.
        may_lag: the other side may be a pooler, which learns of a new password later than the server.

    Raises:
        CheckFailedError: the server does not answer or refuses the login. The URL is never shown, its host is.
    """
    import psycopg

    to = parsed(url, what)
    # A pooler may find its tenant by the operator's own options.
    own = to.parameter("options") or ""
    try:
        try:
            opened = _connected(to, f"{own} {SESSION_OPTIONS}".lstrip())
        except psycopg.OperationalError as error:
            if own or NO_OPTIONS not in str(error):
                raise
            opened = _connected(to, "")
    except psycopg.OperationalError as error:
        refused = "password authentication failed" in str(error)
        raise CheckFailedError(
            f"login {what} as {to.user} at {to.host}:{to.port}/{to.path}",
            "password authentication failed (28P01)" if refused else first_line(error),
            "the server holds another password than the stack: set the role's password back with ALTER ROLE, never "
            "recreate the database"
            if refused
            else "check that the server runs and that the URL's host and port are right",
            final=refused and not may_lag,
        ) from None
    try:
        yield opened
    finally:
        opened.close()


def _connected(to: PostgresUrl, options: str) -> "Connection[Any]":
    import psycopg

    return psycopg.connect(
        to.libpq(), connect_timeout=TIMEOUT_SECONDS, autocommit=True, options=options, prepare_threshold=None
    )


@contextmanager
def findings(probe: str) -> "Iterator[None]":
    """What the server refuses, as a finding; worth another try only where the server could not do it just now.

    Raises:
        CheckFailedError: the server refused.
    """
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        passing = isinstance(error, psycopg.OperationalError)
        raise CheckFailedError(probe, first_line(error), "see the Postgres log", final=not passing) from None


def query(db: "Connection[Any]", text: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
    """Rows of a query, or of the query in the file `checks/sql/<text>` when it ends in `.sql`.

    Raises:
        CheckFailedError: the server refused.
    """
    statement = (SQL / text).read_text(encoding="utf-8") if text.endswith(".sql") else text
    with findings(text):
        return db.execute(statement, parameters).fetchall()


def server_version(db: "Connection[Any]") -> int:
    """Major version of the server."""
    return int(query(db, "SHOW server_version_num")[0][0]) // 10_000

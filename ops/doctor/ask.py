"""Short ways for rows to ask a store."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from checks.clickhouse_login import ACCESS_DENIED, Login
from ops.doctor.row import NotApplicableError

SQL = Path(__file__).parent / "sql"


def text_of(query: str) -> str:
    """`query`, or the content of the file `sql/<query>` when it ends in `.sql`."""
    return (SQL / query).read_text(encoding="utf-8").strip() if query.endswith(".sql") else query


def clickhouse(login: Login, query: str, **parameters: Any) -> list[Sequence[Any]]:
    """Rows of a query as `login`; see `text_of`. Raises what the driver raises.

    Raises:
        NotApplicableError: it is somebody else's server, and does not let the login look.
    """
    client = login.connect()
    try:
        return list(client.query(text_of(query), parameters=parameters).result_rows)
    except Exception as error:
        if login.is_external and getattr(error, "code", None) == ACCESS_DENIED:
            raise NotApplicableError(f"{login.user} may not look at that, and the server is somebody else's") from None
        raise
    finally:
        client.close()


def postgres(url: str, query: str, what: str = "to look at it", **parameters: Any) -> list[tuple[Any, ...]]:
    """Rows of a query through `url`; see `text_of`.

    Args:
        url: where to, and as whom.
        query: with psycopg's placeholders.
        what: what for, in words.
        parameters: by name; one called `schema` may stand as `{schema}` for an identifier.

    Raises:
        CheckFailedError: no login, or the server refused.
    """
    from psycopg import sql

    from checks.postgres import connection
    from checks.postgres import query as run

    with connection(url, what) as db:
        statement = sql.SQL(text_of(query)).format(schema=sql.Identifier(str(parameters.get("schema", "public"))))
        return run(db, statement.as_string(db), parameters)

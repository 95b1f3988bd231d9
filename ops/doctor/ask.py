"""Short ways for rows to ask a store."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from checks.clickhouse_login import Login

SQL = Path(__file__).parent / "sql"


def text_of(query: str) -> str:
    """`query`, or the content of the file `sql/<query>` when it ends in `.sql`."""
    return (SQL / query).read_text(encoding="utf-8").strip() if query.endswith(".sql") else query


def clickhouse(login: Login, query: str, **parameters: Any) -> list[Sequence[Any]]:
    """Rows of a query as `login`; see `text_of`. Raises what the driver raises."""
    client = login.connect()
    try:
        return list(client.query(text_of(query), parameters=parameters).result_rows)
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

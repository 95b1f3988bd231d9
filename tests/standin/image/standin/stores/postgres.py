"""Langfuse's own rows in Postgres, through a small pool that survives a restart of the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from standin.statements import statement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from standin.database_url import DatabaseUrl

Row = dict[str, Any]
POOL_SIZE = 5
WAIT_SECONDS = 2.0


class DatabaseUnavailableError(Exception):
    """Postgres cannot be reached; says nothing about the statement."""


class Postgres:
    """Runs the statements of `sql/postgres/`, qualified with the schema of the address."""

    def __init__(self, database: DatabaseUrl) -> None:
        self._database = database
        self._pool = AsyncConnectionPool(
            kwargs={**cast("dict[str, Any]", database.connection), "row_factory": dict_row, "autocommit": True},
            min_size=1,
            max_size=database.connection_limit or POOL_SIZE,
            timeout=WAIT_SECONDS,
            configure=self._configure,
            check=AsyncConnectionPool.check_connection,
            reconnect_timeout=WAIT_SECONDS,
            open=False,
        )

    async def open(self) -> None:
        """Begin to connect, without waiting for it."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Give all connections back."""
        await self._pool.close()

    async def query(self, name: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """Run `sql/postgres/<name>.sql` and return its rows, if it has any.

        Raises:
            DatabaseUnavailableError: No connection within a few seconds, or it broke.
        """
        composed = sql.SQL(statement(f"postgres/{name}")).format(schema=sql.Identifier(self._database.schema))
        try:
            async with self._pool.connection() as connection:
                cursor = await connection.execute(composed, parameters)
                return cast("list[Row]", await cursor.fetchall()) if cursor.description else []
        except (PoolTimeout, psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise DatabaseUnavailableError(str(error)) from error

    async def one(self, name: str, parameters: Mapping[str, Any] | None = None) -> Row | None:
        """The first row of a query, if there is one."""
        rows = await self.query(name, parameters)
        return rows[0] if rows else None

    async def _configure(self, connection: psycopg.AsyncConnection[Any]) -> None:
        if self._database.pgbouncer:
            connection.prepare_threshold = None
        else:
            await connection.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(self._database.schema)))

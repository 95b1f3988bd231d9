"""Rows in ClickHouse over HTTP; the connection is made when it is first needed."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING, Any

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError, OperationalError

from standin.statements import statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clickhouse_connect.driver.client import Client

    from standin.settings import ClickHouseSettings

Row = dict[str, Any]
TIMEOUT_SECONDS = 10


class ClickHouseStoreError(Exception):
    """A statement is not known to have taken place."""


class ClickHouseUnavailableError(ClickHouseStoreError):
    """ClickHouse cannot be reached."""


class ClickHouseRefusedError(ClickHouseStoreError):
    """ClickHouse answered that it does not want this statement or these rows."""


class ClickHouse:
    """Inserts rows given by column names and runs the statements of `sql/clickhouse/`."""

    def __init__(self, settings: ClickHouseSettings) -> None:
        self._settings = settings
        self._client: Client | None = None
        self._connecting = threading.Lock()

    async def insert(self, table: str, rows: Sequence[Row]) -> None:
        """Append rows to a table.

        Raises:
            ClickHouseStoreError: The rows are not known to be stored.
        """
        block = "\n".join(json.dumps(row) for row in rows).encode()
        columns = list(rows[0])
        await self._guarded(
            lambda client: client.raw_insert(
                table,
                column_names=columns,
                insert_block=block,
                fmt="JSONEachRow",
                settings={"date_time_input_format": "best_effort"},
            )
        )

    async def query(self, name: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """Run `sql/clickhouse/<name>.sql` and return its rows.

        Raises:
            ClickHouseStoreError: There is no result.
        """
        text = statement(f"clickhouse/{name}")
        result = await self._guarded(lambda client: client.query(text, parameters=dict(parameters or {})))
        return list(result.named_results())

    async def command(self, name: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run `sql/clickhouse/<name>.sql` for its effect.

        Raises:
            ClickHouseStoreError: It is not known to have taken place.
        """
        text = statement(f"clickhouse/{name}")
        await self._guarded(lambda client: client.command(text, parameters=dict(parameters or {})))

    async def _guarded(self, action: Any) -> Any:
        try:
            return await asyncio.to_thread(lambda: action(self._connected()))
        except OperationalError as error:
            raise ClickHouseUnavailableError(str(error)) from error
        except DatabaseError as error:
            raise ClickHouseRefusedError(str(error).partition("Stack trace:")[0].strip()) from error
        except (ClickHouseError, OSError) as error:
            raise ClickHouseUnavailableError(str(error)) from error

    def _connected(self) -> Client:
        with self._connecting:
            if self._client is None:
                self._client = clickhouse_connect.get_client(
                    dsn=self._settings.url,
                    secure=self._settings.url.startswith("https:"),
                    username=self._settings.user,
                    password=self._settings.password,
                    database=self._settings.database,
                    connect_timeout=TIMEOUT_SECONDS,
                    send_receive_timeout=TIMEOUT_SECONDS,
                    autogenerate_session_id=False,
                    query_retries=0,
                )
            return self._client

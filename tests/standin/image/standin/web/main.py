"""Web from start to end: the entrypoint's checks, migrations, server, drain."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING

from standin.database_url import DatabaseUrlError, assemble_database_url, parse_database_url
from standin.environment import EnvironmentRefusedError
from standin.layout import layout
from standin.migrate.errors import MigrationError
from standin.settings import Settings, SettingsConflictError, read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from standin.release import Release

POSTGRES_SWITCH = "LANGFUSE_AUTO_POSTGRES_MIGRATION_DISABLED"
CLICKHOUSE_SWITCH = "LANGFUSE_AUTO_CLICKHOUSE_MIGRATION_DISABLED"
TERMINATED = 143

log = logging.getLogger("web")


def run_web(variables: Mapping[str, str], release: Release) -> int:
    """Run until stopped.

    Returns:
        The exit status: 0 after a drain, 1 when the start failed.
    """
    signal.signal(signal.SIGTERM, lambda *_: os._exit(TERMINATED))
    try:
        _enter(variables)
        settings = read_settings(variables, release, "web")
    except (EnvironmentRefusedError, SettingsConflictError, DatabaseUrlError, MigrationError) as error:
        print(error, file=sys.stderr)
        return 1
    asyncio.run(_serve(settings))
    return 0


def _enter(variables: Mapping[str, str]) -> None:
    """What Langfuse's entrypoint does before the server starts."""
    address = assemble_database_url(variables)
    if address is None:
        raise MigrationError(
            "Error: Required database environment variables are not set. Provide a postgres url for DATABASE_URL."
        )
    if not variables.get("CLICKHOUSE_URL"):
        raise MigrationError("Error: CLICKHOUSE_URL is not configured. Migrating from V2?")
    if variables.get(POSTGRES_SWITCH) != "true":
        from standin.migrate.postgres import migrate_postgres

        try:
            migrate_postgres(parse_database_url(variables.get("DIRECT_URL") or address), layout())
        except (MigrationError, DatabaseUrlError) as error:
            raise MigrationError(
                f"Error: {error}\nApplying database migrations failed."
                " Often the database is unavailable, or the password needs percent-encoding. Exiting..."
            ) from error
    if variables.get(CLICKHOUSE_SWITCH) != "true":
        from standin.migrate.clickhouse import migrate_clickhouse
        from standin.migrate.clickhouse_url import read_migration_target

        try:
            migrate_clickhouse(read_migration_target(variables), layout())
        except MigrationError as error:
            raise MigrationError(
                f"{error}\nApplying clickhouse migrations failed. Often ClickHouse is unavailable. Exiting..."
            ) from error


async def _serve(settings: Settings) -> None:
    from standin.serving import serve
    from standin.web.app import make_app
    from standin.web.context import make_web

    web = make_web(settings)

    async def drain() -> None:
        web.draining = True
        log.info("Told to stop: not ready from now on, serving for %s s more", settings.drain_seconds)
        await asyncio.sleep(settings.drain_seconds)

    await serve(make_app(web), settings, drain)

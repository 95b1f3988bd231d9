"""Servers with rows in them, started once a run; tests add to them and never take away."""

from collections.abc import Iterator
from dataclasses import replace
from secrets import token_hex

import pytest

from ops.backup import clickhouse
from ops.backup.make import back_up
from ops.backup.manifest import Manifest
from tests.backup.servers import World, servers

MILLION = 1_000_000


@pytest.fixture(scope="package")
def world() -> Iterator[World]:
    with servers() as started:
        yield started


@pytest.fixture(scope="package")
def filled(world: World) -> World:
    """Langfuse's own database with a million traces."""
    database = world.access.database
    world.run(
        f"CREATE TABLE {database}.traces (id UInt64, at DateTime64(3), input String) "
        "ENGINE = ReplacingMergeTree PARTITION BY toYYYYMM(at) ORDER BY id",
        f"INSERT INTO {database}.traces SELECT number, toDateTime64('2026-01-01', 3) + number, hex(cityHash64(number)) "
        f"FROM numbers({MILLION})",
        f"CREATE TABLE {database}.schema_migrations (version Int64, dirty UInt8, sequence UInt64) "
        "ENGINE = MergeTree ORDER BY sequence",
        f"INSERT INTO {database}.schema_migrations VALUES (37, 0, 1)",
    )
    return world


@pytest.fixture(scope="package")
def made(filled: World) -> Manifest:
    """A full backup of it."""
    return back_up(filled.access)


@pytest.fixture
def own(world: World) -> World:
    """The same servers with a ClickHouse database that only one test uses."""
    name = f"own_{token_hex(4)}"
    world.run(
        f"CREATE DATABASE {name}",
        f"CREATE TABLE {name}.traces (id UInt64, text String) ENGINE = ReplacingMergeTree ORDER BY id",
        f"CREATE TABLE {name}.empty (id UInt64) ENGINE = MergeTree ORDER BY id",
        f"CREATE VIEW {name}.seen AS SELECT id FROM {name}.traces",
        f"INSERT INTO {name}.traces SELECT number, hex(cityHash64(number)) FROM numbers(20000)",
    )
    login = replace(world.access.clickhouse.login, database=name)
    reader = replace(login)
    return replace(world, access=replace(world.access, clickhouse=clickhouse.Server(login), reader=reader))

"""Real servers for the checks. What a test run needs is started at once, and removed at its end."""

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from secrets import token_hex

import httpx
import psycopg
import pytest

from checks.base import until_healthy
from checks.trace import accepted
from tests.checks.containers import Blueprint, Container, blueprint, images, run
from tests.checks.object_store import Store
from tests.checks.postgres_database import Database, new_database

READY_SECONDS = 90
CLICKHOUSE_OVERRIDES = "/etc/clickhouse-server/config.d/langfuse.xml"
CLICKHOUSE_PROFILE = "/etc/clickhouse-server/users.d/langfuse-profile.xml"


def _clickhouse_in_istanbul() -> Blueprint:
    right = blueprint("clickhouse")
    overrides = right.files[CLICKHOUSE_OVERRIDES].replace(">UTC<", ">Europe/Istanbul<")
    return replace(right, files={**right.files, CLICKHOUSE_OVERRIDES: overrides})


def _clickhouse_without(path: str) -> Blueprint:
    right = blueprint("clickhouse")
    return replace(right, files={name: text for name, text in right.files.items() if name != path})


SERVERS: Mapping[str, Callable[[], Blueprint]] = {
    "clickhouse": lambda: blueprint("clickhouse"),
    "clickhouse_in_istanbul": _clickhouse_in_istanbul,
    "clickhouse_without_overrides": lambda: _clickhouse_without(CLICKHOUSE_OVERRIDES),
    "clickhouse_without_profile": lambda: _clickhouse_without(CLICKHOUSE_PROFILE),
    "clickhouse_without_password": lambda: blueprint("clickhouse").with_env(CLICKHOUSE_PASSWORD=""),
    "minio": lambda: blueprint("minio"),
    # Every statement is logged, so that a password in one would be seen.
    "postgres": lambda: replace(blueprint("postgres"), command=("postgres", "-c", "log_statement=all")),
    "redis": lambda: blueprint("redis"),
    "redis_without_password": lambda: replace(
        blueprint("redis"), env={}, files={}, command=("redis-server", "--protected-mode", "no")
    ),
    "redis_in_protected_mode": lambda: replace(blueprint("redis"), env={}, files={}, command=("redis-server",)),
}


@pytest.fixture(scope="package")
def started(request: pytest.FixtureRequest) -> Iterator[Mapping[str, Future[Container]]]:
    """Every server that a test of this run asks for, on its way up."""
    wanted = sorted(
        {name for item in request.session.items for name in getattr(item, "fixturenames", ())} & set(SERVERS)
    )
    blueprints = {name: SERVERS[name]() for name in wanted}
    found = images(frozenset(plan.service for plan in blueprints.values()))
    with ThreadPoolExecutor(len(SERVERS)) as pool:
        starting = {name: pool.submit(run, plan, found[plan.service]) for name, plan in blueprints.items()}
        try:
            yield starting
        finally:
            for running in [start.result() for start in starting.values() if start.exception() is None]:
                pool.submit(running.remove)


def _server(name: str) -> Callable[[Mapping[str, Future[Container]]], Container]:
    @pytest.fixture(scope="package", name=name)
    def server(started: Mapping[str, Future[Container]]) -> Container:
        container = started[name].result()
        give_up = time.monotonic() + READY_SECONDS
        while not READY[SERVERS[name]().service](container):
            assert time.monotonic() < give_up, f"{name} does not start:\n{container.logs()[-2000:]}"
            time.sleep(0.1)
        return container

    return server


clickhouse = _server("clickhouse")
clickhouse_in_istanbul = _server("clickhouse_in_istanbul")
clickhouse_without_overrides = _server("clickhouse_without_overrides")
clickhouse_without_profile = _server("clickhouse_without_profile")
clickhouse_without_password = _server("clickhouse_without_password")
minio = _server("minio")
postgres = _server("postgres")
redis = _server("redis")
redis_without_password = _server("redis_without_password")
redis_in_protected_mode = _server("redis_in_protected_mode")


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _redis_answers(container: Container) -> bool:
    host, _, port = container.published[6379].partition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(1) != b""
    except OSError:
        return False


def _postgres_answers(container: Container) -> bool:
    try:
        psycopg.connect(container.postgres_url("postgres"), connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


READY: Mapping[str, Callable[[Container], bool]] = {
    "clickhouse": lambda container: _answers(f"http://{container.published[8123]}/ping"),
    "minio": lambda container: _answers(f"http://{container.published[9000]}/minio/health/ready"),
    "postgres": _postgres_answers,
    "redis": _redis_answers,
}
"""Whether a server takes requests from outside; at first some only take those from the inside."""


@pytest.fixture
def database(postgres: Container) -> Database:
    """A new database, with the program's foreign schema and without Langfuse's."""
    return new_database(postgres, f"d_{token_hex(4)}")


@pytest.fixture
def store(minio: Container) -> Store:
    """An object store without any of what the program makes in it."""
    mark = token_hex(4)
    url = f"http://{minio.published[9000]}/minio/health/cluster"
    until_healthy(lambda: accepted("GET", url, "see its log"), deadline_seconds=30)
    return Store(minio.published[9000], (f"events-{mark}", f"media-{mark}"), f"app-{mark}", f"canary-of-{mark}")

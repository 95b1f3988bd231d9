"""ClickHouse's servers and their two proxies as real containers on the fake: their one address outlives each."""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.fly.fake.containers import docker, remove_everything
from tests.fly.test_fly_cluster import SERVERS, put_up
from tests.fly.test_fly_command import Shell
from tests.fly.test_fly_containers import done
from tests.fly.test_parity import FLY
from tests.standin.docker_cli import eventually
from tests.standin.stores import image_of
from tests.unit.recorder import recorded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.docker, pytest.mark.soak, pytest.mark.timeout(900)]
PROXY = "clickhouse-proxy"
LONGEST_GAP = 60
"""Seconds without a row, at most."""
WRITER = """
number=0
while [ ! -e /tmp/enough ]; do
    until clickhouse-client --host "$1" --user langfuse_admin -q "INSERT INTO langfuse.kept VALUES ($number)"; do
        sleep 0.2
    done 2>/dev/null
    echo "$number"
    number=$((number + 1))
done
"""
"""As Langfuse's worker does, it says a row again until it is taken."""


class Cluster:
    """What is put up, by service."""

    def __init__(self, folder: Path) -> None:
        self.prefix, self.password = f"fake-fly-{uuid.uuid4().hex[:8]}", "result-of-clickhouse-admin-password"
        self._shell = Shell(folder)
        self._shell.env["FAKE_FLY_DOCKER"] = self.prefix

    def do(self, action: str, request: Any) -> Any:
        """As the engine does, each action in a process of its own."""
        return done(self._shell, action, request)

    def container(self, service: str, number: int = 1) -> str:
        return f"{self.prefix}-langfuse-{service}{'' if number == 1 else f'-{number}'}"

    def ask(self, service: str, statement: str) -> str:
        """What one server answers."""
        words = ("clickhouse-client", "--user", "langfuse_admin", "-q", statement)
        env = {"CLICKHOUSE_PASSWORD": self.password}
        return docker("exec", "-e", "CLICKHOUSE_PASSWORD", self.container(service), *words, env=env)

    def serving(self) -> str:
        """The server that the rows go to."""
        sent = "SELECT count() FROM system.query_log WHERE query LIKE 'INSERT INTO langfuse.kept%'"
        for service in ("clickhouse", "clickhouse-2"):
            self.ask(service, "SYSTEM FLUSH LOGS")
        return max(("clickhouse", "clickhouse-2"), key=lambda service: int(self.ask(service, sent)))


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path)
    fly = recorded({**FLY, "clickhouse:replicas": "2"})
    try:
        for together in (SERVERS[:3], SERVERS[3:], [PROXY]):
            with ThreadPoolExecutor() as pool:
                images = [image_of("proxy" if service == PROXY else "clickhouse") for service in together]
                list(pool.map(lambda service, image: put_up(made, fly, service, image=image), together, images))
        yield made
    finally:
        remove_everything(made.prefix)


class Writer:
    """Writes row after row by way of the one address, from a machine that is neither a server nor a proxy."""

    def __init__(self, cluster: Cluster) -> None:
        self._inside = cluster.container("clickhouse-keeper-1")
        writer = ("sh", "-c", WRITER, "writer", f"langfuse-{PROXY}.internal")
        self._process = subprocess.Popen(
            ["docker", "exec", "-e", "CLICKHOUSE_PASSWORD", self._inside, *writer],
            env={**os.environ, "CLICKHOUSE_PASSWORD": cluster.password},
            stdout=subprocess.PIPE,
            text=True,
        )

    def more(self, rows: int = 10) -> int:
        """Wait for further rows to be taken; the last one."""
        assert self._process.stdout
        last, since = -1, time.monotonic()
        for _ in range(rows):
            last = int(self._process.stdout.readline())
            assert time.monotonic() - since < LONGEST_GAP, "no row was taken for too long"
            since = time.monotonic()
        return last

    def end(self) -> int:
        """Stop; how many rows were taken."""
        docker("exec", self._inside, "touch", "/tmp/enough")  # noqa: S108 - inside of a container
        rest, _ = self._process.communicate(timeout=LONGEST_GAP)
        return int(rest.split()[-1]) + 1


def test_their_one_address_outlives_a_proxy_and_the_server_behind_and_every_row_is_kept(cluster: Cluster) -> None:
    cluster.ask(
        "clickhouse",
        "CREATE TABLE langfuse.kept ON CLUSTER default (number UInt64) ENGINE = ReplicatedMergeTree ORDER BY number",
    )
    writer = Writer(cluster)
    writer.more()
    for number in (1, 2):
        docker("kill", cluster.container(PROXY, number))
        writer.more()
        docker("start", cluster.container(PROXY, number))
        eventually(partial(is_running, cluster.container(PROXY, number)))
    lost = cluster.serving()
    docker("kill", cluster.container(lost))
    writer.more(20)
    docker("start", cluster.container(lost))
    rows = writer.end()
    count = "SELECT uniqExact(number) FROM langfuse.kept"
    for service in ("clickhouse", "clickhouse-2"):
        eventually(partial(cluster.ask, service, count), seconds=120, accept=str(rows).__eq__)


def is_running(container: str) -> bool:
    return docker("inspect", "--format", "{{.State.Running}}", container) == "true"

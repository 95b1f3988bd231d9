"""A rehearsal restores into servers of its own, compares everything, and takes nothing away but them."""

import io
import json
from contextlib import ExitStack
from dataclasses import replace
from secrets import token_hex

import psycopg
import pytest

from ops.backup import postgres, show, throwaway
from ops.backup.manifest import Manifest
from ops.backup.postgres import at
from ops.backup.rehearse import rehearse
from ops.session import OpsError, RefusedError
from ops.terminal import Console
from platforms.docker.client import Docker
from tests.backup.conftest import MILLION
from tests.backup.servers import World, until
from tests.checks.containers import docker

pytestmark = pytest.mark.docker

REACH = 'exec 3<>"/dev/tcp/$1/$2"'


WITHOUT_LANGFUSE = "langfuse-web was not rehearsed: there is no container to be like; `make up` makes one"


def rehearsals() -> list[str]:
    return docker("ps", "--all", "--filter", f"label={throwaway.LABEL}", "--format", "{{.Names}}").split()


def networks() -> list[str]:
    return docker("network", "ls", "--filter", f"label={throwaway.LABEL}", "--format", "{{.Name}}").split()


def test_a_million_rows_are_restored_into_other_servers_compared_and_the_servers_removed(
    filled: World, made: Manifest
) -> None:
    live = filled.clickhouse.name
    network = f"lfs-left-{token_hex(4)}"
    docker("network", "create", f"--label={throwaway.LABEL}={live}", network)
    left = docker("create", f"--label={throwaway.LABEL}={live}", f"--network={network}", filled.image(live)).strip()
    done = rehearse(filled.access, made, print)
    assert [entry for entry in done.compared if not entry.same] == []
    assert done.findings == [WITHOUT_LANGFUSE]
    assert {(entry.table, entry.found.rows) for entry in done.compared if entry.found} == {
        ("traces", MILLION),
        ("schema_migrations", 1),
        ("projects", 5000),
        ("_prisma_migrations", 424),
    }
    assert done.rpo_seconds > 0
    assert done.rto_seconds > 0
    assert f"{MILLION:,} rows of traces" in done.steps[-1][2]
    assert len(done.removed) == 3
    assert not {*rehearsals(), *networks()} & {*done.removed, network}
    assert left not in docker("ps", "--all", "--quiet", "--no-trunc")
    console = Console(width=80, record=True, file=io.StringIO())
    show.rehearsed(done, console)
    shown = console.export_text()
    assert "there is no container to be like" in shown
    assert max(len(line) for line in shown.splitlines() if WITHOUT_LANGFUSE not in line) <= 80


def test_a_table_that_differs_is_a_finding(filled: World, made: Manifest) -> None:
    other = made.clickhouse.tables[0].model_copy(update={"hash": "other"})
    altered = made.clickhouse.model_copy(update={"tables": [other, *made.clickhouse.tables[1:]], "ledger": 36})
    done = rehearse(filled.access, made.model_copy(update={"clickhouse": altered}), print)
    assert not done.ok
    assert [entry.table for entry in done.compared if not entry.same] == [other.name]
    assert done.findings == ["ClickHouse's ledger is at 37, not at 36", WITHOUT_LANGFUSE]


def test_a_container_that_no_rehearsal_made_or_that_holds_a_named_volume_is_never_removed(filled: World) -> None:
    image = filled.image(filled.clickhouse.name)
    volume = f"kept-{token_hex(4)}"
    with ExitStack() as clean_up:
        clean_up.callback(docker, "volume", "rm", "--force", volume)
        for label, mounts in ((throwaway.LABEL, [f"--volume={volume}:/kept"]), ("somebody", [])):
            name = docker("create", f"--label={label}=nobody", *mounts, image).strip()
            clean_up.callback(docker, "rm", "--volumes", name)
            with pytest.raises(OpsError, match="it is left alone"):
                throwaway._remove(name, Docker())
            assert json.loads(docker("inspect", name))


def test_from_the_network_of_a_rehearsal_no_live_server_can_be_reached_and_from_here_it_can(filled: World) -> None:
    live, here = filled.postgres, filled.access.docker
    [facts] = json.loads(docker("inspect", filled.clickhouse.name))
    address = facts["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    reach = ("timeout", "2", "bash", "-c", REACH, "reach")
    docker("exec", live.name, *reach, address, "8123")
    made_from = throwaway.recipe(live.name, here)
    with (
        throwaway.network(live.name, here) as network,
        throwaway.started(made_from, here, port=5432, network="bridge") as first,
    ):
        copy = throwaway.moved(first, network, here, ["postgres"])
        until(lambda: psycopg.connect(at(live.postgres_url("x"), copy.addresses[5432]), connect_timeout=5).close())
        docker("exec", copy.id, *reach, "postgres", "5432")
        with pytest.raises(AssertionError):
            docker("exec", copy.id, *reach, address, "8123")
    assert not {*rehearsals(), *networks()} & {copy.name, network}


def test_a_network_that_no_rehearsal_made_is_never_removed() -> None:
    name = f"lfs-kept-{token_hex(4)}"
    docker("network", "create", "--label=somebody=nobody", name)
    try:
        assert throwaway.leftovers(["nobody"], Docker()) == []
        assert throwaway._remove_networks(f"name=^{name}$", Docker()) == []
    finally:
        docker("network", "rm", name)


def test_a_restored_schema_has_the_project_or_it_is_missed(filled: World) -> None:
    server, schema = filled.access.postgres, filled.access.schema
    assert postgres.has_project(server, schema, "p1")
    assert not postgres.has_project(server, schema, "gone")
    assert not postgres.has_project(server, "no_schema", "p1")


def test_a_platform_without_throw_away_servers_is_refused_before_anything_is_done(
    filled: World, made: Manifest
) -> None:
    with pytest.raises(RefusedError, match="restore --into NAME"):
        rehearse(replace(filled.access, containers={}), made, print)

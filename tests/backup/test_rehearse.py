"""A rehearsal restores into servers of its own, compares everything, and takes nothing away but them."""

import io
import json
from contextlib import ExitStack
from dataclasses import replace
from secrets import token_hex

import pytest
from rich.console import Console

from ops.backup import show, throwaway
from ops.backup.manifest import Manifest
from ops.backup.rehearse import rehearse
from ops.session import OpsError, RefusedError
from tests.backup.conftest import MILLION
from tests.backup.servers import World
from tests.checks.containers import docker

pytestmark = pytest.mark.docker


def rehearsals() -> list[str]:
    return docker("ps", "--all", "--filter", f"label={throwaway.LABEL}", "--format", "{{.Names}}").split()


def test_a_million_rows_are_restored_into_other_servers_compared_and_the_servers_removed(
    filled: World, made: Manifest
) -> None:
    live = filled.clickhouse.name
    left = docker("create", f"--label={throwaway.LABEL}={live}", filled.image(live)).strip()
    done = rehearse(filled.access, made, print)
    assert done.ok, (done.findings, [entry for entry in done.compared if not entry.same])
    assert {(entry.table, entry.found.rows) for entry in done.compared if entry.found} == {
        ("traces", MILLION),
        ("schema_migrations", 1),
        ("projects", 5000),
        ("_prisma_migrations", 424),
    }
    assert done.rpo_seconds > 0
    assert done.rto_seconds > 0
    assert f"{MILLION:,} rows of traces" in done.steps[-1][2]
    assert len(done.removed) == 2
    assert not set(rehearsals()) & set(done.removed)
    assert left not in docker("ps", "--all", "--quiet", "--no-trunc")
    console = Console(width=80, record=True, file=io.StringIO())
    show.rehearsed(done, console)
    shown = console.export_text()
    assert "restored whole" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_a_table_that_differs_is_a_finding(filled: World, made: Manifest) -> None:
    other = made.clickhouse.tables[0].model_copy(update={"hash": "other"})
    altered = made.clickhouse.model_copy(update={"tables": [other, *made.clickhouse.tables[1:]], "ledger": 36})
    done = rehearse(filled.access, made.model_copy(update={"clickhouse": altered}), print)
    assert not done.ok
    assert [entry.table for entry in done.compared if not entry.same] == [other.name]
    assert done.findings == ["ClickHouse's ledger is at 37, not at 36"]


def test_a_container_that_no_rehearsal_made_or_that_holds_a_named_volume_is_never_removed(filled: World) -> None:
    image = filled.image(filled.clickhouse.name)
    volume = f"kept-{token_hex(4)}"
    with ExitStack() as clean_up:
        clean_up.callback(docker, "volume", "rm", "--force", volume)
        for label, mounts in ((throwaway.LABEL, [f"--volume={volume}:/kept"]), ("somebody", [])):
            name = docker("create", f"--label={label}=nobody", *mounts, image).strip()
            clean_up.callback(docker, "rm", "--volumes", name)
            with pytest.raises(OpsError, match="it is left alone"):
                throwaway._remove(name, {})
            assert json.loads(docker("inspect", name))


def test_a_platform_without_throw_away_servers_is_refused_before_anything_is_done(
    filled: World, made: Manifest
) -> None:
    with pytest.raises(RefusedError, match="restore --into NAME"):
        rehearse(replace(filled.access, containers={}), made, print)

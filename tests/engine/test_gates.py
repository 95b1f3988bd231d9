"""What the real engine does with gates that do not open."""

import json
from pathlib import Path

import pytest

from tests.engine.toolchain_project import Project

pytestmark = pytest.mark.engine
ROOT = str(Path(__file__).resolve().parents[2])


def project(program: str, folder: Path) -> Project:
    made = Project(program, folder)
    made.environment["PYTHONPATH"] = ROOT
    return made


def resources(made: Project) -> dict[str, str]:
    """Logical name to id of everything in the state."""
    state = json.loads(made.run("stack", "export", check=True).stdout)
    return {entry["urn"].rpartition("::")[2]: entry.get("id", "") for entry in state["deployment"]["resources"]}


def test_a_closed_gate_fails_up_and_nothing_behind_it_starts(tmp_path: Path) -> None:
    gated = project("gated", tmp_path)
    gated.run("config", "set", "opens", "false", check=True)
    closed = gated.run("up", "--yes", "--skip-preview")
    assert closed.returncode != 0
    for words in ("gate test", "SELECT 1", "seen: try 2", "fix:  set opens to true"):
        assert words in closed.stdout
    assert "Traceback" not in closed.stdout
    assert not {"gate", "later"} & resources(gated).keys()

    gated.run("config", "set", "opens", "true", check=True)
    opened = gated.run("up", "--yes", "--skip-preview")
    assert opened.returncode == 0, opened.stdout
    assert {"gate", "later"} <= resources(gated).keys()


def test_a_gate_runs_again_only_when_what_it_watches_changed(tmp_path: Path) -> None:
    gated = project("gated", tmp_path)
    gated.run("config", "set", "opens", "true", check=True)
    gated.run("up", "--yes", "--skip-preview", check=True)

    gated.run("config", "set", "noise", "other", check=True)
    unchanged = gated.run("preview", "--expect-no-changes")
    gated.run("config", "set", "watch", "another container", check=True)
    changed = gated.run("up", "--yes", "--skip-preview")

    assert unchanged.returncode == 0, unchanged.stdout
    assert "1 updated" in changed.stdout


def test_a_store_that_was_put_back_is_seen_before_whatever_starts_on_it(tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.write_text("current")
    started = project("started", tmp_path)
    started.run("config", "set", "store", str(store), check=True)
    started.run("up", "--yes", "--skip-preview", check=True)
    before = resources(started)

    store.write_text("older")
    unchanged = started.run("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert unchanged.returncode == 0, unchanged.stdout

    started.run("config", "set", "release", "next", check=True)
    replaced = started.run("up", "--yes", "--skip-preview")
    assert replaced.returncode != 0
    assert "seen: older, …" in replaced.stdout
    assert "secret-canary" not in replaced.stdout
    assert resources(started) == before

    started.run("config", "rm", "release", check=True)
    urn = next(line for line in started.run("stack", "--show-urns", check=True).stdout.split() if "::service" in line)
    started.run("state", "delete", urn, "--yes", check=True)
    lost = started.run("up", "--yes", "--skip-preview")
    assert lost.returncode != 0
    assert "service" not in resources(started)

    store.write_text("current")
    found = started.run("up", "--yes", "--skip-preview")
    assert found.returncode == 0, found.stdout

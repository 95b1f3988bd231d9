"""The command plugin keeps what pulumi-command documents, and says no secret."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.engine.toolchain_project import Project, eventually

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.engine

TOKEN = "sesame-open-4711"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project("command", tmp_path)
    for name, value in {"log": str(tmp_path / "log"), "dir": str(tmp_path)}.items():
        project.run("config", "set", name, value, check=True)
    project.run("config", "set", "--secret", "token", TOKEN, check=True)
    return project


def up(project: Project) -> str:
    done = project.run("up", "--yes", "--skip-preview")
    assert done.returncode == 0, done.stdout
    return done.stdout


def log(tmp_path: Path) -> list[str]:
    return sorted((tmp_path / "log").read_text().splitlines())


def test_commands_run_once_and_not_in_a_preview(project: Project, tmp_path: Path) -> None:
    assert project.run("preview").returncode == 0
    assert not (tmp_path / "log").exists()

    up(project)

    assert project.run("up", "--yes", "--expect-no-changes").returncode == 0
    assert log(tmp_path) == ["created", "replaced-created"]


@pytest.mark.soak
def test_a_changed_input_runs_update_which_sees_the_output_before_it(project: Project, tmp_path: Path) -> None:
    up(project)
    project.run("config", "set", "round", "2", check=True)
    up(project)
    project.run("config", "set", "round", "3", check=True)
    up(project)

    assert log(tmp_path) == ["created", "replaced-created", "updated after one", "updated after two"]


@pytest.mark.soak
def test_a_changed_trigger_updates_where_there_is_an_update_and_replaces_where_not(
    project: Project, tmp_path: Path
) -> None:
    up(project)
    project.run("config", "set", "trigger", "pulled", check=True)

    shown = project.run("preview", "--json").stdout
    up(project)

    steps = {step["urn"].rsplit("::")[-1]: step["op"] for step in json.loads(shown)["steps"]}
    assert steps["lifecycle"] == "update"
    assert steps["replaced"] == "replace"
    assert log(tmp_path) == [
        "created",
        "replaced-created",
        "replaced-created",
        "replaced-deleted",
        "updated after one",
    ]


@pytest.mark.soak
def test_destroy_runs_delete_which_sees_the_last_output(project: Project, tmp_path: Path) -> None:
    up(project)
    assert project.run("destroy", "--yes", "--skip-preview").returncode == 0

    assert log(tmp_path) == ["created", "deleted after one", "replaced-created", "replaced-deleted"]


@pytest.mark.soak
def test_stdin_dir_environment_and_interpreter_reach_the_command(project: Project, tmp_path: Path) -> None:
    shown = up(project)

    output = project.run("stack", "output", "secret", "--show-secrets").stdout
    assert output.splitlines() == [str(tmp_path), "from stdin", f"token is {TOKEN}"]
    assert "from python" in shown


def test_secrets_are_masked_in_what_is_logged_and_shown(project: Project) -> None:
    shown = up(project)

    assert "token is [secret]" in shown
    assert "also [secret]" in shown
    for text in (
        shown,
        project.run("stack", "output").stdout,
        project.run("stack", "export").stdout,
        project.run("preview", "--diff").stdout,
    ):
        assert TOKEN not in text


@pytest.mark.soak
def test_logging_none_shows_nothing(project: Project) -> None:
    shown = up(project)

    assert "not-to-be-logged" not in shown
    assert "neither" not in shown


def test_a_failing_command_fails_the_update_with_its_last_words_but_without_its_secrets(
    project: Project,
) -> None:
    project.run("config", "set", "fail", "true", check=True)

    shown = project.run("up", "--yes", "--skip-preview")

    assert shown.returncode != 0
    assert "the create command failed: exit status 7" in shown.stdout
    assert "cannot use [secret]" in shown.stdout
    assert TOKEN not in shown.stdout


@pytest.mark.soak
def test_what_the_plugin_leaves_out_is_refused_in_the_preview_by_name(project: Project) -> None:
    project.run("config", "set", "unsupported", "true", check=True)

    shown = project.run("preview")

    assert shown.returncode != 0
    assert "assetPaths" in shown.stdout
    assert "needs the vendor's command plugin" in shown.stdout


def test_an_interrupted_update_ends_its_commands_with_all_that_they_started(project: Project, tmp_path: Path) -> None:
    running = tmp_path / "running"
    project.run("config", "set", "endless", str(running), check=True)
    engine = project.start("up", "--yes", "--skip-preview")
    assert eventually(running.exists)

    os.killpg(engine.pid, signal.SIGINT)
    engine.communicate(timeout=60)

    assert engine.returncode != 0
    assert eventually(lambda: not project.processes()), project.processes()

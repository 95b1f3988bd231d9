"""The language host, under the real engine."""

from __future__ import annotations

import json
import os
import signal
import sys
import venv
from pathlib import Path

import pytest

from tests.engine.toolchain_project import PROGRAMS, Project, eventually

pytestmark = pytest.mark.engine


def test_an_empty_program_previews_without_a_warning(tmp_path: Path) -> None:
    shown = Project("empty", tmp_path).run("preview")

    assert shown.returncode == 0, shown.stdout
    assert "+ 1 to create" in shown.stdout
    assert "warning" not in shown.stdout.lower()


def test_plugin_and_dynamic_resources_are_created_once_and_secrets_stay_secret(tmp_path: Path) -> None:
    project = Project("resources", tmp_path)

    first = project.run("up", "--yes", "--skip-preview")
    second = project.run("preview", "--expect-no-changes")
    outputs = json.loads(project.run("stack", "output", "--json", "--show-secrets").stdout)

    assert first.returncode == 0, first.stdout
    assert "printed by the program" in first.stdout
    assert second.returncode == 0, second.stdout
    assert outputs["length"] == 20
    assert outputs["password"] not in first.stdout + second.stdout
    assert outputs["password"] not in project.run("stack", "export").stdout


def test_a_violated_policy_fails_the_preview_with_its_message(tmp_path: Path) -> None:
    project = Project("resources", tmp_path)

    shown = project.run("preview", "--policy-pack", str(PROGRAMS / "pack"))

    assert shown.returncode != 0
    assert "a password needs 32 characters" in shown.stdout
    assert "Traceback" not in shown.stdout
    assert eventually(lambda: not project.processes()), project.processes()


@pytest.mark.soak
def test_a_kept_policy_lets_the_preview_pass(tmp_path: Path) -> None:
    shown = Project("empty", tmp_path).run("preview", "--policy-pack", str(PROGRAMS / "pack"))

    assert shown.returncode == 0, shown.stdout


def test_the_traceback_of_a_failing_program_shows_its_own_lines_and_nothing_of_the_host(
    tmp_path: Path,
) -> None:
    project = Project("failing", tmp_path)

    shown = project.run("preview")

    assert shown.returncode != 0
    assert "RuntimeError: the reason is shown" in shown.stdout
    assert str(project.folder / "__main__.py") in shown.stdout
    assert "pulumi-language-python" not in shown.stdout


@pytest.mark.soak
def test_a_program_that_ends_itself_fails_with_its_exit_code_named(tmp_path: Path) -> None:
    shown = Project("exiting", tmp_path).run("preview")

    assert shown.returncode != 0
    assert "the program exited with code 3" in shown.stdout


@pytest.mark.parametrize("ending", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.soak)])
def test_no_process_outlives_an_engine_that_is_interrupted_or_killed(tmp_path: Path, ending: signal.Signals) -> None:
    project = Project("sleeping", tmp_path)
    running = tmp_path / "running"
    project.environment["SLEEPING_FILE"] = str(running)
    engine = project.start("preview")
    assert eventually(running.exists)

    if ending is signal.SIGINT:
        os.killpg(engine.pid, ending)  # as a terminal does
    else:
        engine.kill()
    output, _ = engine.communicate(timeout=60)

    assert engine.returncode != 0
    assert "Traceback" not in output
    assert eventually(lambda: not project.processes()), project.processes()


@pytest.mark.soak
def test_about_names_the_python_that_runs_the_program(tmp_path: Path) -> None:
    shown = Project("empty", tmp_path).run("about")

    assert shown.returncode == 0, shown.stdout
    assert f"executable='{Path(sys.executable).parent}/python" in shown.stdout
    assert "version='{}.{}.{}'".format(*sys.version_info) in shown.stdout


@pytest.mark.soak
def test_a_project_with_its_own_virtual_environment_runs_in_that(tmp_path: Path) -> None:
    project = Project("empty", tmp_path)
    own = project.folder / "own"
    venv.create(own, symlinks=True)
    (site,) = own.glob("lib/python*/site-packages")
    (site / "packages.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    (project.folder / "Pulumi.yaml").write_text((PROGRAMS / "virtualenv.yaml").read_text())
    (project.folder / "__main__.py").write_text("import pulumi, sys\npulumi.export('prefix', sys.prefix)\n")

    project.run("up", "--yes", "--skip-preview", check=True)

    assert project.run("stack", "output", "prefix").stdout.strip() == str(own)

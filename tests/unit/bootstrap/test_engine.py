"""Where the engine comes from, in which order, and what happens when a source fails."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.unit.bootstrap.releases import serve_release
from toolchain.engine import ensure_engine, keep_no_debug_log
from toolchain.plugins import PLUGINS, ensure_plugins
from toolchain.report import Report, ToolchainError

if TYPE_CHECKING:
    from tests.unit.bootstrap.conftest import Machine

FAKES = Path(__file__).parent / "fakes"
FROM_ROOT = Path(__file__).parents[3]
ENSURE = "from toolchain.engine import *; from toolchain.report import Report; print(ensure_engine(Report()).source)"

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def said() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def report(said: io.StringIO) -> Report:
    return Report(said)


def test_a_suitable_engine_on_the_path_is_used_and_named(machine: Machine, report: Report, said: io.StringIO) -> None:
    folder = machine.put_pulumi_on_path()

    engine = ensure_engine(report)

    assert engine.bin_dir == folder
    assert engine.source == f"on this machine ({folder}/pulumi)"
    assert engine.pulumi_home.is_relative_to(machine.cache)
    assert "3.255.0 on this machine" in said.getvalue()
    assert machine.built() == []


@pytest.mark.parametrize("version", ["3.254.9", "3.256.0", "4.0.0", "3.255.0-dev", "nonsense"])
def test_an_engine_of_an_untested_version_is_left_alone(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, report: Report, version: str
) -> None:
    machine.put_pulumi_on_path()
    monkeypatch.setenv("FAKE_PULUMI_VERSION", version)

    assert ensure_engine(report).source == "built from Go modules"


def test_an_engine_without_its_language_host_is_left_alone(machine: Machine, report: Report) -> None:
    machine.put_pulumi_on_path(with_language_host=False)

    assert ensure_engine(report).source == "built from Go modules"


def test_an_engine_of_ours_on_the_path_is_still_ours(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, report: Report
) -> None:
    first = ensure_engine(report)
    monkeypatch.setenv("PATH", f"{first.bin_dir}:{os.environ['PATH']}")  # as `make shell` does

    assert ensure_engine(report) == first
    assert machine.built() == ["pulumi"]


def test_the_vendors_release_is_used_when_its_checksum_is_right(
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    report: Report,
    said: io.StringIO,
    served: tuple[Path, str],
) -> None:
    folder, address = served
    monkeypatch.setenv("LANGFUSE_STACK_PULUMI_SHA256", serve_release(folder))
    monkeypatch.setenv("LANGFUSE_STACK_PULUMI_URL", f"{address}/")

    engine = ensure_engine(report)

    assert engine.source == "vendor release"
    assert sorted(path.name for path in engine.bin_dir.iterdir()) == [
        "pulumi",
        "pulumi-language-python",
        "pulumi-language-python-exec",
        "pulumi-resource-pulumi-python",
    ]
    assert f"getting {address}" in said.getvalue()
    assert machine.built() == []
    assert ensure_engine(report) == engine


def test_a_release_with_a_wrong_checksum_is_refused_and_the_engine_is_built(
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    report: Report,
    said: io.StringIO,
    served: tuple[Path, str],
) -> None:
    folder, address = served
    serve_release(folder)  # its checksum is not the pinned one
    monkeypatch.setenv("LANGFUSE_STACK_PULUMI_URL", address)

    engine = ensure_engine(report)

    assert engine.source == "built from Go modules"
    assert "no vendor release: its checksum is wrong" in said.getvalue()
    assert machine.built() == ["pulumi"]


def test_an_incomplete_release_is_refused_and_the_engine_is_built(
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    report: Report,
    said: io.StringIO,
    served: tuple[Path, str],
) -> None:
    folder, address = served
    monkeypatch.setenv("LANGFUSE_STACK_PULUMI_SHA256", serve_release(folder, without="pulumi-language-python"))
    monkeypatch.setenv("LANGFUSE_STACK_PULUMI_URL", address)

    assert ensure_engine(report).source == "built from Go modules"
    assert "it has no pulumi-language-python" in said.getvalue()
    assert machine.built() == ["pulumi"]


def test_a_vendor_out_of_reach_is_given_up_and_the_engine_is_built(
    machine: Machine, report: Report, said: io.StringIO
) -> None:
    engine = ensure_engine(report)

    assert engine.source == "built from Go modules"
    assert os.access(engine.bin_dir / "pulumi-language-python", os.X_OK)
    assert "no vendor release" in said.getvalue()
    assert machine.built() == ["pulumi"]


def test_an_engine_that_cannot_be_had_names_what_was_tried_and_what_helps(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, report: Report
) -> None:
    monkeypatch.setenv("FAKE_GO_FAILS", "dial tcp: lookup modules.example.com: no such host")

    with pytest.raises(ToolchainError) as failure:
        ensure_engine(report)

    message = str(failure.value)
    assert "no such host" in message
    for help_ in ("GOPROXY", "pulumi 3.255.0 on the PATH", "LANGFUSE_STACK_PULUMI_URL"):
        assert help_ in message
    assert list(machine.cache.glob("engine/*/bin")) == []


def test_a_second_clone_builds_nothing(machine: Machine, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    clone.mkdir()
    for part in ("toolchain", "offline"):
        shutil.copytree(FROM_ROOT / part, clone / part)

    for folder in (FROM_ROOT, clone):
        ran = subprocess.run([sys.executable, "-c", ENSURE], cwd=folder, capture_output=True, check=True)

    assert ran.stdout == b"built from Go modules\n"
    assert ran.stderr == b""
    assert machine.built() == ["pulumi"]


def test_two_runs_at_once_build_once_and_both_get_a_whole_engine(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_GO_SECONDS", "1")
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", ENSURE],
            cwd=FROM_ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [run.communicate() for run in runs]

    assert [out for out, _ in outputs] == ["built from Go modules\n"] * 2
    assert sum("waiting for another run that is getting the Pulumi engine" in err for _, err in outputs) == 1
    assert machine.built() == ["pulumi"]


def test_a_killed_build_never_looks_finished_and_the_next_run_finishes_it(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, report: Report
) -> None:
    monkeypatch.setenv("FAKE_GO_SECONDS", "600")
    run = subprocess.Popen(
        [sys.executable, "-c", ENSURE], cwd=FROM_ROOT, stderr=subprocess.DEVNULL, start_new_session=True
    )
    while not list(machine.cache.glob("builds/.*/pulumi")):
        time.sleep(0.02)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert list(machine.cache.glob("builds/pulumi-*/pulumi")) == []
    monkeypatch.delenv("FAKE_GO_SECONDS")

    engine = ensure_engine(report)

    assert (engine.bin_dir / "pulumi").read_bytes() == (FAKES / "pulumi").read_bytes()
    assert machine.built() == ["pulumi", "pulumi"]
    assert list(machine.cache.glob("builds/.*")) == []


def test_a_built_engine_gets_built_plugins_in_its_own_home(machine: Machine, report: Report) -> None:
    engine = ensure_engine(report)

    for _ in range(2):
        ensure_plugins(engine, report)

    assert machine.built() == ["pulumi", *(f"pulumi-resource-{name}" for name in PLUGINS)]
    assert sorted(path.name for path in (engine.pulumi_home / "plugins").iterdir()) == [
        "resource-command-v1.2.1",
        "resource-docker-v5.1.0",
        "resource-random-v4.21.1",
    ]


def test_the_vendors_engine_gets_the_vendors_plugins(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, report: Report, served: tuple[Path, str]
) -> None:
    machine.put_pulumi_on_path()
    monkeypatch.setenv("LANGFUSE_STACK_PULUMI_PLUGINS_URL", served[1])

    engine = ensure_engine(report)
    ensure_plugins(engine, report)

    plugin = engine.pulumi_home / "plugins" / "resource-docker-v5.1.0" / "pulumi-resource-docker"
    assert plugin.read_text() == "the vendor's\n"
    assert machine.built() == []


def test_a_plugin_that_the_vendor_does_not_give_is_built(
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    report: Report,
    said: io.StringIO,
    served: tuple[Path, str],
) -> None:
    machine.put_pulumi_on_path()
    monkeypatch.setenv("LANGFUSE_STACK_PULUMI_PLUGINS_URL", served[1])
    monkeypatch.setenv("FAKE_PULUMI_FAILS", "error: 404 for the plugin")

    ensure_plugins(ensure_engine(report), report)

    assert machine.built() == [f"pulumi-resource-{name}" for name in PLUGINS]
    assert "no vendor release of docker: error: 404 for the plugin" in said.getvalue()


def test_the_engine_keeps_a_log_of_all_it_handles_only_when_asked_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "pulumi-preview.log").touch()

    keep_no_debug_log(tmp_path)
    assert (tmp_path / "logs").is_file()

    monkeypatch.setenv("LANGFUSE_STACK_DEBUG", "1")
    keep_no_debug_log(tmp_path)
    assert not (tmp_path / "logs").exists()

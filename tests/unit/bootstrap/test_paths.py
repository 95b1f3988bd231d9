"""Folders, locks, and work that appears only when it is complete."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from toolchain.paths import cache_dir, locked, staged, state_dir

if TYPE_CHECKING:
    from tests.unit.bootstrap.conftest import Machine

FROM_ROOT = Path(__file__).parents[3]


def test_the_settings_name_the_folders_and_the_state_is_private(machine: Machine) -> None:
    assert cache_dir() == machine.cache
    assert state_dir() == machine.state
    assert machine.state.stat().st_mode & 0o777 == 0o700


def test_an_open_state_folder_is_closed(machine: Machine) -> None:
    machine.state.mkdir(mode=0o755)

    assert state_dir().stat().st_mode & 0o777 == 0o700


def test_xdg_names_the_folders_where_no_setting_does(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("LANGFUSE_STACK_CACHE")
    monkeypatch.delenv("LANGFUSE_STACK_STATE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("XDG_STATE_HOME", "relative/is/to/be/ignored")

    assert cache_dir() == tmp_path / "xdg" / "langfuse-stack"
    assert state_dir() == tmp_path / ".local" / "state" / "langfuse-stack"
    assert not machine.cache.exists()


def test_staged_work_appears_when_it_is_complete_and_replaces_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "made"
    for content in ("old", "new"):
        with staged(target) as part:
            (part / content).touch()
            assert not (target / content).exists()

    assert [path.name for path in target.iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def fail_halfway(target: Path) -> None:
    with staged(target) as part:
        (part / "half").touch()
        raise KeyboardInterrupt


def test_failed_work_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fail_halfway(tmp_path / "made")

    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path) -> None:
    (tmp_path / ".made.part-killed").mkdir()

    with staged(tmp_path / "made"):
        pass

    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_a_lock_is_waited_for_and_the_reason_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock = tmp_path / "locks" / "engine"
    program = (
        "import sys; from pathlib import Path; from toolchain.paths import locked\n"
        "with locked(Path(sys.argv[1]), 'x'): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(lock)],
        cwd=FROM_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "held\n"
        entered = threading.Event()

        def enter() -> None:
            with locked(lock, "the engine"):
                entered.set()

        waiting = threading.Thread(target=enter)
        waiting.start()
        assert not entered.wait(0.3)
        holder.kill()  # a lock does not outlive its holder, however that ends
        waiting.join()

    assert entered.is_set()
    assert capsys.readouterr().err == "waiting for another run that is getting the engine\n"

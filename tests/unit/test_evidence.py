"""Evidence: complete, private, tamper-evident, and nothing is done where it cannot be kept."""

import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evidence import FOLDER_VARIABLE, MANIFEST, SEALING, EvidenceError, record
from ops import audit, decisions, run_folder
from ops import evidence as runs
from ops.evidence import recorded
from ops.session import OpsError, RefusedError, Session
from platforms.errors import PlatformError
from settings.recorded import NOTHING
from tests.unit.recorder import ROOT

NO_ROOT = os.geteuid() != 0


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setenv("LANGFUSE_STACK_STATE", str(tmp_path / "state"))
    monkeypatch.setenv(decisions.PLACE_VARIABLE, str(tmp_path / "artifacts"))
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    config = tmp_path / "settings.yaml"
    config.write_text("config: {}\n")
    return Session("local", {}, config, known=NOTHING)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "artifacts"


def entries(root: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (root / decisions.LOG).read_text().splitlines()]


def problems(root: Path) -> list[str]:
    return [f"{entry.where} {entry.what}" for entry in audit.verify(root, list(decisions.lines(root)))]


def a_run(session: Session) -> Path:
    with recorded(session, "langfuse_self_host_executed") as run:
        record("gate", "gate clickhouse", {"result": "ok", "evidence": {"version": "24.10"}})
    return run.folder


def test_a_run_leaves_a_sealed_folder_and_a_line_in_the_decision_log(session: Session, root: Path) -> None:
    folder = a_run(session)
    [line] = entries(root)
    assert line["action"] == "langfuse_self_host_executed"
    assert (line["stack"], line["release"], line["result"]) == ("local", "3.225.4", "ok")
    assert line["gates"] == {"gate clickhouse": "ok"}
    assert line["who"]
    assert set(line["evidence"]) == {f"{folder.name}/{path.name}" for path in folder.iterdir()}
    assert folder.name.endswith(line["run"].rpartition("-")[2])
    assert problems(root) == []


def test_evidence_can_be_read_by_its_owner_only(session: Session, root: Path) -> None:
    a_run(session)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in root.rglob("*") if path.is_file()}
    folders = {stat.S_IMODE(path.stat().st_mode) for path in [root, *root.rglob("*")] if path.is_dir()}
    assert (modes, folders) == ({0o600}, {0o700})


def test_the_operator_can_be_named(session: Session, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(decisions.OPERATOR_VARIABLE, "ci@example.com")
    a_run(session)
    assert entries(root)[0]["who"] == "ci@example.com"


@pytest.mark.parametrize(
    ("failure", "action", "result"),
    [
        (OpsError("broken"), "down", "failed"),
        (RefusedError("no"), "refused", "failed"),
        (SystemExit(255), "down", "failed"),
        (KeyboardInterrupt(), "down", "interrupted"),
        (ValueError("canary"), "down", "failed"),
    ],
)
def test_a_run_that_fails_is_sealed_with_its_result(
    failure: BaseException, action: str, result: str, session: Session, root: Path
) -> None:
    with pytest.raises(type(failure)), recorded(session, "down"):
        raise failure
    [line] = entries(root)
    assert (line["action"], line["result"]) == (action, result)
    assert not any("canary" in path.read_text() for path in root.rglob("*.json"))
    assert FOLDER_VARIABLE not in os.environ


@pytest.mark.parametrize("failure", [OpsError("no way"), PlatformError("no way"), EvidenceError("no way")])
def test_what_the_operator_was_told_is_kept(failure: Exception, session: Session, root: Path) -> None:
    with pytest.raises(type(failure)), recorded(session, "down"):
        raise failure
    assert any("no way" in path.read_text() for path in root.rglob("*.json"))


def altered(path: Path) -> None:
    path.write_text(path.read_text().replace("24.10", "25.12").replace("ok", "OK"))


def without_line(number: int) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        lines = (root / decisions.LOG).read_text().splitlines(keepends=True)
        del lines[number]
        (root / decisions.LOG).write_text("".join(lines))

    return change


def of_first_run(root: Path, pattern: str) -> Path:
    [found] = min(root.glob("2*")).glob(pattern)
    return found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda root: altered(of_first_run(root, "*-gate-*")), "was altered since its run was sealed"),
        (lambda root: altered(of_first_run(root, MANIFEST)), "manifest.json was altered"),
        (lambda root: of_first_run(root, "*-gate-*").unlink(), "gate-clickhouse.json is missing"),
        (lambda root: of_first_run(root, MANIFEST).unlink(), "manifest.json is missing"),
        (lambda root: (min(root.glob("2*")) / "x.json").write_text("{}"), "x.json was added after"),
        (lambda root: altered(root / decisions.LOG), "does not follow the line before it"),
        (without_line(0), "line 1 does not follow"),
        (without_line(1), "line 2 does not follow"),
        (without_line(2), "its newest line was altered or removed"),
        (without_line(2), "sealed, but the decision log has no line of it"),
        (lambda root: (root / decisions.LOG).write_text("not JSON\n"), "line 1 is not JSON"),
        (shutil.rmtree, "its newest line was altered or removed"),
    ],
)
def test_whatever_is_altered_removed_or_added_is_named(
    change: Callable[[Path], object], message: str, session: Session, root: Path
) -> None:
    for _ in range(3):
        a_run(session)
    assert problems(root) == []
    change(root)
    assert any(message in problem for problem in problems(root)), problems(root)


def test_the_command_exits_1_and_names_what_is_wrong(
    session: Session, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a_run(session)
    audit.audit(as_json=True, everything=False)
    told = json.loads(capsys.readouterr().out)
    assert (told["intact"], [entry["files"] for entry in told["entries"]]) == (True, [4])
    of_first_run(root, "*-gate-*").unlink()
    with pytest.raises(SystemExit) as left:
        audit.audit(as_json=True, everything=False)
    told = json.loads(capsys.readouterr().out)
    assert (left.value.code, told["intact"]) == (1, False)
    assert told["problems"][0]["what"] == "is missing"


def test_the_table_fits_80_columns(
    session: Session, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    a_run(session)
    audit.audit(as_json=False, everything=False)
    table = capsys.readouterr().out.splitlines()
    assert "langfuse_self_host_executed" in table[1]
    assert max(map(len, table[:2])) <= 80


def test_nothing_is_written_after_the_seal(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = a_run(session)
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    with pytest.raises(EvidenceError, match="after its run was sealed"):
        record("gate", "late", {"result": "ok"})


KILLED = """
import os, signal, sys
from pathlib import Path
from evidence import record
from ops.evidence import recorded
from ops.session import Session
from settings.recorded import Recorded
with recorded(Session("local", {}, Path(sys.argv[1]), known=Recorded()), "rollback"):
    record("command", "pulumi up", {"exit_code": 0})
    print("recorded", flush=True)
    signal.pause()
"""


@pytest.fixture
def living(session: Session) -> Iterator[subprocess.Popen[str]]:
    """A run in a process of its own that is under way."""
    argv = [sys.executable, "-c", KILLED, str(session.config_file)]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "recorded\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_killed_run_is_sealed_as_interrupted_by_the_next(
    living: subprocess.Popen[str], session: Session, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    living.send_signal(signal.SIGKILL)
    living.wait()
    [folder] = run_folder.unsealed(root)
    assert not run_folder.is_running(folder)
    a_run(session)
    assert "a run was cut short" in capsys.readouterr().err
    first, second = entries(root)
    assert (first["action"], first["result"], first["run"]) == ("rollback", "interrupted", folder.name)
    assert second["result"] == "ok"
    assert any("command-pulumi-up" in name for name in first["evidence"])
    assert problems(root) == []


@pytest.mark.usefixtures("living")
def test_a_run_that_is_under_way_is_left_alone(session: Session, root: Path) -> None:
    a_run(session)
    [folder] = run_folder.unsealed(root)
    assert run_folder.is_running(folder)
    assert [line["result"] for line in entries(root)] == ["ok"]


MANY = """
import sys
from pathlib import Path
from evidence import record
from ops.evidence import recorded
from ops.session import Session
from settings.recorded import Recorded
for number in range(10):
    with recorded(Session("local", {}, Path(sys.argv[1]), known=Recorded()), "start"):
        record("gate", f"gate {number}", {"result": "ok"})
"""


def test_runs_at_the_same_time_do_not_clash(session: Session, root: Path) -> None:
    argv = [sys.executable, "-c", MANY, str(session.config_file)]
    processes = [subprocess.Popen(argv, cwd=ROOT) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert len(entries(root)) == 30
    assert len(list(root.glob("2*"))) == 30
    assert problems(root) == []


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A real file system of 1 MB for the evidence."""
    if NO_ROOT:
        pytest.skip("mounting needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", folder], check=True)
    monkeypatch.setenv(decisions.PLACE_VARIABLE, str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def fill(folder: Path) -> None:
    with contextlib.suppress(OSError), (folder / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 4096)


def a_run_that_fills(folder: Path, session: Session) -> None:
    with recorded(session, "down"):
        fill(folder)
        record("gate", "gate minio", {"result": "ok"})


def test_a_disk_without_room_refuses_the_run_before_anything_is_done(session: Session, small_disk: Path) -> None:
    with pytest.raises(EvidenceError, match="MB left, and evidence needs 16 MB"), recorded(session, "down"):
        pytest.fail("it began")
    assert list(small_disk.iterdir()) == []


def test_a_disk_that_fills_up_fails_the_run_and_loses_nothing(
    session: Session, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "LEAST_FREE_MB", 0.1)
    a_run(session)
    with pytest.raises(EvidenceError, match=r"No space left on device.*LANGFUSE_STACK_ARTIFACTS"):
        a_run_that_fills(small_disk, session)
    assert [line["result"] for line in entries(small_disk)] == ["ok"]
    (small_disk / "filler").unlink()
    a_run(session)
    assert [line["result"] for line in entries(small_disk)] == ["ok", "interrupted", "ok"]
    assert problems(small_disk) == []


def test_a_disk_that_cannot_be_written_refuses_the_run(
    session: Session, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "LEAST_FREE_MB", 0.1)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(EvidenceError, match="Read-only file system"), recorded(session, "down"):
        pytest.fail("it began")


LIMITED = """
import resource, sys
from pathlib import Path
from evidence import EvidenceError, record
from ops.evidence import recorded
from ops.session import Session
from settings.recorded import Recorded
try:
    with recorded(Session("local", {}, Path(sys.argv[1]), known=Recorded()), "down"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        record("gate", "gate minio", {"result": "ok", "evidence": "x" * 1000})
except EvidenceError as error:
    sys.exit(str(error))
"""


def test_a_record_that_does_not_fit_fails_the_run_and_leaves_no_half_of_it(session: Session, root: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LIMITED, str(session.config_file)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert "File too large" in ran.stderr
    [folder] = run_folder.unsealed(root)
    assert [path.name for path in folder.iterdir()] == ["start.json"]


@pytest.mark.parametrize("step", ["append", "rename"])
def test_sealing_that_is_cut_short_is_taken_up_by_the_next_run(
    step: str, session: Session, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renamed = Path.rename

    def cut_short(*_: object) -> None:
        raise EvidenceError("cut short")

    def kept(path: Path, target: Path) -> Path:
        if path.name == SEALING:
            cut_short()
        return renamed(path, target)

    a_run(session)
    with monkeypatch.context() as patched:
        if step == "append":
            patched.setattr(decisions, "append", cut_short)
        else:
            patched.setattr(Path, "rename", kept)
        with pytest.raises(EvidenceError, match="cut short"):
            a_run(session)
    a_run(session)
    assert [line["result"] for line in entries(root)] == ["ok", "ok", "ok"]
    assert problems(root) == []


def test_a_run_without_changes_leaves_little(session: Session, root: Path) -> None:
    with recorded(session, "langfuse_self_host_executed"):
        pass
    files = [path for path in root.rglob("*") if path.is_file()]
    assert len(files) == 4
    assert sum(path.stat().st_size for path in files) < 10_000


@pytest.mark.usefixtures("session")
def test_a_log_of_many_lines_is_still_chained_to_its_last(root: Path) -> None:
    runs.ready(root)
    for number in range(40):
        decisions.append(root, "stop", {"note": "x" * 3000 * (number % 3), "number": number})
    assert problems(root) == []
    assert len(entries(root)) == 40

"""Emptying the local ClickHouse: only by its name, only after a copy, and finished by the next run when killed."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.e2e.stack import ROOT, UP_SECONDS, Run, TestStack

pytestmark = [pytest.mark.e2e, pytest.mark.soak, pytest.mark.timeout(1800)]


def volume(stack: TestStack) -> str:
    [name] = [name for name in stack.names("volume") if "clickhouse" in name and "_backup_" not in name]
    return name


def backups(stack: TestStack) -> list[str]:
    return [name for name in stack.names("volume") if "_backup_" in name]


def reset(stack: TestStack, typed: str, *, kill_at: str = "") -> Run:
    """Run the command with something typed; `kill_at` ends it hard once it says that."""
    with subprocess.Popen(
        [sys.executable, "-m", "ops", "clickhouse-reset"],
        cwd=ROOT,
        env=stack.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        if not kill_at:
            output, _ = process.communicate(typed + "\n", timeout=UP_SECONDS)
            return Run(process.returncode, output)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(typed + "\n")
        process.stdin.close()
        seen: list[str] = []
        for line in process.stdout:
            seen.append(line)
            if kill_at in line:
                break
        subprocess.run(["pkill", "-KILL", "--session", str(process.pid)], check=False)
        return Run(process.wait(), "".join(seen))


def listing(stack: TestStack, name: str) -> list[str]:
    """Paths of the files in a volume, read through a container of an image that the stack uses."""
    image = stack.ops("images", "--json").json["redis"]["image"]
    run = ["run", "--rm", "--network", "none", "--entrypoint", "find", "--volume", f"{name}:/v:ro", image]
    return sorted(stack.docker(*run, "/v", "-type", "f", "-printf", "%P\\n").split())


@pytest.fixture
def copies_removed(stack: TestStack) -> Iterator[TestStack]:
    yield stack
    for name in backups(stack):
        stack.docker("volume", "rm", name)


@pytest.mark.attack(
    "`make clickhouse-reset` without typing the volume's name",
    layer="typed confirmation",
    message="that is not the volume's name: nothing was touched",
    alone=True,
)
def test_a_wrong_name_touches_nothing(stack: TestStack) -> None:
    before = listing(stack, volume(stack))
    for typed in ("", "yes", volume(stack)[:-1]):
        run = reset(stack, typed)
        assert run.code == 1
        assert "that is not the volume's name: nothing was touched" in run.output.replace("\n", " ")
    assert backups(stack) == []
    assert set(before) & set(listing(stack, volume(stack)))
    assert stack.ops("status").code == 0


def test_a_killed_reset_is_finished_by_the_next_and_the_copy_stays(copies_removed: TestStack) -> None:
    stack = copies_removed
    name = volume(stack)
    uuid = stack.docker("exec", stack.container("clickhouse"), "cat", "/var/lib/clickhouse/uuid")
    stores = [path for path in listing(stack, name) if path.startswith("store/")]
    assert stores

    killed = reset(stack, name, kill_at="is empty")
    [first] = backups(stack)
    kept = listing(stack, first)
    assert set(stores) & set(kept), killed.output

    finished = reset(stack, name)

    assert finished.code == 0, finished.output
    assert "holds the same" in finished.output.replace("\n", " ")
    assert listing(stack, first) == kept
    assert len(backups(stack)) == 2
    assert stack.docker("exec", stack.container("clickhouse"), "cat", "/var/lib/clickhouse/uuid") == uuid
    assert stack.ops("status").code == 0

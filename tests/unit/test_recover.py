"""Recovery after a killed run, on states as the engine exports them."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from ops import recover
from ops.session import MARK_VARIABLE, OpsError, Session
from ops.state import State
from ops.terminal import Console
from platforms.docker.runtime import Container, DockerRuntime
from settings.recorded import NOTHING

OWNER = "0123456789abcdef"


class FakeSession(Session):
    """Remembers engine calls instead of making them."""

    calls: list[tuple[list[str], str | None]]

    def text(self, argv: Any, *, stdin: str | None = None) -> str:
        self.__dict__.setdefault("calls", []).append((list(argv), stdin))
        return ""


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSession:
    monkeypatch.setenv("LANGFUSE_STACK_STATE", str(tmp_path / "state"))
    config = tmp_path / "Pulumi.local.yaml"
    config.write_text("config: {}\n")
    backend = (tmp_path / "backend").as_uri() + "?metadata=skip"
    return FakeSession("local", {"PULUMI_BACKEND_URL": backend, "PATH": "/nowhere"}, config, known=NOTHING)


def state(*, pending: list[str] = [], containers: list[str] = []) -> State:  # noqa: B006 - never changed
    resources = [{"urn": "a::stack-id", "type": "random", "id": "x", "outputs": {"hex": OWNER}}]
    resources += [{"urn": f"a::{name}", "type": "docker:index/container:Container", "id": name} for name in containers]
    deployment: dict[str, Any] = {"resources": resources}
    if pending:
        deployment["pending_operations"] = [{"resource": {"urn": f"a::{name}"}} for name in pending]
    return State({"version": 3, "deployment": deployment})


def container(name: str, owner: str = OWNER) -> Container:
    return Container(name, name, "service", owner, "sha256:1", "running", "healthy", "", ())


def lock(session: FakeSession, pid: int) -> None:
    folder = Path(session.environment["PULUMI_BACKEND_URL"][7:].partition("?")[0])
    path = folder / ".pulumi/locks/organization/langfuse-stack/local/lock.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"pid": pid, "hostname": socket.gethostname()}))


def calls(session: FakeSession) -> list[str]:
    return [argv[1] if argv[1] == "cancel" else " ".join(argv[1:3]) for argv, _ in session.__dict__.get("calls", [])]


def test_the_lock_of_a_dead_run_is_released(session: FakeSession) -> None:
    with subprocess.Popen([sys.executable, "-c", "pass"]) as dead:
        dead.wait()
    lock(session, dead.pid)
    recover._release_stale_lock(session, Console(quiet=True))
    assert calls(session) == ["cancel"]


def test_a_lock_whose_number_is_somebody_elses_process_by_now_is_released(session: FakeSession) -> None:
    lock(session, os.getpid())
    recover._release_stale_lock(session, Console(quiet=True))
    assert calls(session) == ["cancel"]


def test_the_lock_of_a_living_engine_is_left_alone(session: FakeSession, tmp_path: Path) -> None:
    engine = tmp_path / "pulumi"
    engine.symlink_to("/bin/sleep")
    with subprocess.Popen([engine, "30"]) as living:
        try:
            lock(session, living.pid)
            recover._release_stale_lock(session, Console(quiet=True))
        finally:
            living.kill()
    assert calls(session) == []


@contextmanager
def provider(folder: Path, mark: str, *, parent: str = "sh") -> Iterator[int]:
    """A process that looks like a check provider, started by a parent of that name, which lives; its id."""
    folder.mkdir()
    program = folder / recover.PROVIDER
    program.write_text("import sys, time; print('up', flush=True); time.sleep(60)")
    starter = folder / parent
    starter.symlink_to(sys.executable)
    code = (
        "import subprocess, sys; p = subprocess.Popen(sys.argv[1:], start_new_session=True, stdout=subprocess.PIPE); "
        "p.stdout.readline(); print(p.pid, flush=True); p.wait()"
    )
    argv = [str(starter), "-c", code, sys.executable, str(program)]
    environment = {**os.environ, MARK_VARIABLE: mark}
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True) as parent_process:
        assert parent_process.stdout
        pid = int(parent_process.stdout.readline())
        try:
            yield pid
        finally:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)


def ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).wait(timeout=10) is not None or not psutil.pid_exists(pid)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False


def test_a_provider_of_this_stacks_killed_engine_is_ended(session: FakeSession, tmp_path: Path) -> None:
    with provider(tmp_path / "p", session.mark) as pid:
        recover._end_orphaned_providers(session)
        assert ended(pid)


@pytest.mark.parametrize("mark", ["", "another:mark"], ids=["of plain pulumi", "of another stack or clone"])
def test_anybody_elses_provider_is_left_alone(session: FakeSession, tmp_path: Path, mark: str) -> None:
    with provider(tmp_path / "p", mark) as pid, provider(tmp_path / "ours", session.mark) as ours:
        recover._end_orphaned_providers(session)
        assert ended(ours)
        assert psutil.pid_exists(pid)


def test_the_provider_of_an_engine_that_runs_is_left_alone(session: FakeSession, tmp_path: Path) -> None:
    """A preview in another terminal."""
    with provider(tmp_path / "p", session.mark, parent="pulumi") as pid, provider(tmp_path / "q", session.mark) as ours:
        recover._end_orphaned_providers(session)
        assert ended(ours)
        assert psutil.pid_exists(pid)


def test_organization_and_project_of_a_stack_are_in_no_file_name(session: FakeSession) -> None:
    qualified = replace(session, stack="acme/langfuse-stack/local")
    with recover.exclusive(qualified), pytest.raises(OpsError, match="another run"), recover.exclusive(session):
        pytest.fail("two runs at once")


def test_unfinished_operations_are_forgotten_and_nothing_else(session: FakeSession) -> None:
    unfinished = state(pending=["clickhouse"], containers=["web"])
    recover._forget_pending(session, unfinished, Console(quiet=True))
    [(_, written)] = session.__dict__["calls"]
    assert json.loads(written)["deployment"] == {"resources": unfinished.resources}


class OneMachine(DockerRuntime):
    """A Docker with these containers and networks, which remembers what is removed."""

    def __init__(self, containers: list[Container], networks: dict[str, str] | None = None) -> None:
        super().__init__("langfuse")
        self.made, self.joined = containers, networks or {}
        self.removed: list[str] = []

    def containers(self) -> list[Container]:
        return self.made

    def networks(self) -> dict[str, str]:
        return self.joined

    def volumes(self) -> dict[str, str]:
        return {}

    def remove_containers(self, ids: Sequence[str]) -> None:
        self.removed += ids

    def remove_networks(self, ids: Sequence[str]) -> None:
        self.removed += ids


def test_what_another_machine_makes_meanwhile_is_no_orphan(
    session: FakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is seen on Docker was recorded, or is pending, by the time at which the state is read."""
    docker = OneMachine([])
    monkeypatch.setattr(recover, "_end_orphaned_providers", lambda _: None)
    monkeypatch.setattr(recover, "docker_of", lambda _: docker)

    def read(_session: FakeSession) -> State:
        docker.made = [container("just made")]
        return state(containers=[])

    monkeypatch.setattr(recover, "read_state", read)
    recover.recover(session, Console(quiet=True))
    assert docker.made
    assert not docker.removed


def test_containers_the_state_never_heard_of_are_removed() -> None:
    docker = OneMachine([container("known"), container("orphan")], {"net": OWNER})
    recover._remove_orphans(docker, state(containers=["known"]), docker.made, docker.joined, Console(quiet=True))
    assert docker.removed == ["orphan", "net"]


def test_another_stacks_containers_are_never_touched() -> None:
    docker = OneMachine([container("theirs", owner="somebody else")])
    with pytest.raises(OpsError, match="another stack uses the instance name langfuse"):
        recover._remove_orphans(docker, state(), docker.made, docker.joined, Console(quiet=True))
    assert not docker.removed


def test_only_one_run_changes_the_stack_at_a_time(session: FakeSession) -> None:
    with (
        recover.exclusive(session),
        pytest.raises(OpsError, match=f"another run .process {os.getpid()}."),
        recover.exclusive(session),
    ):
        pytest.fail("two runs at once")


def declared(name: str, **fields: Any) -> dict[str, Any]:
    urn = f"a::{name}"
    outputs = {"name": name, "image": "sha256:1", "labels": []}
    return {"urn": urn, "type": "docker:index/container:Container", "id": name, "outputs": outputs, **fields}


def of(*resources: dict[str, Any]) -> State:
    return State({"version": 3, "deployment": {"resources": list(resources)}})


def test_a_container_that_is_gone_is_forgotten_and_what_depends_on_it_stays(session: FakeSession) -> None:
    docker = OneMachine([])
    gate = {
        "urn": "a::gate",
        "type": "checks",
        "outputs": {"result": "ok"},
        "dependencies": ["a::web", "a::redis"],
        "propertyDependencies": {"watch": ["a::web"], "url": None},
    }
    console = Console(record=True, width=200)
    recover._forget_missing(
        session, docker, of(declared("web"), declared("redis"), gate), [container("redis")], console
    )
    [(argv, stdin)] = session.__dict__["calls"]
    assert argv[1:3] == ["stack", "import"]
    kept = {entry["urn"]: entry for entry in json.loads(stdin or "")["deployment"]["resources"]}
    assert kept.keys() == {"a::redis", "a::gate"}
    assert kept["a::gate"]["dependencies"] == ["a::redis"]
    assert kept["a::gate"]["propertyDependencies"] == {"watch": [], "url": []}
    assert kept["a::gate"]["outputs"] == {"result": "ok"}, "what was proven stays known"
    assert "missing since the last run, made again below: web" in console.export_text()


def test_nothing_is_forgotten_where_all_is_there_or_volumes_are_gone_too(session: FakeSession) -> None:
    docker = OneMachine([])
    volume = {"urn": "a::v", "type": "docker:index/volume:Volume", "id": "v", "outputs": {"name": "data"}}
    console = Console(quiet=True)
    recover._forget_missing(session, docker, of(declared("web")), [container("web")], console)
    recover._forget_missing(session, docker, of(declared("web", delete=True)), [], console)
    recover._forget_missing(session, docker, of(declared("web"), volume), [], console)
    assert calls(session) == []

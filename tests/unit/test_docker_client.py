"""What the one Docker client hands over, and what it says when Docker does not do what it is asked."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from platforms.docker import runtime
from platforms.docker.client import Docker, DockerError
from platforms.docker.runtime import Container, DockerRuntime
from platforms.errors import PlatformError
from platforms.spec import Status

Script = Callable[[str], Docker]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """A Docker that is this script."""

    def make(text: str) -> Docker:
        program = tmp_path / "docker"
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
        return Docker({"PATH": f"{tmp_path}:/usr/bin:/bin"}, seconds=20)

    return make


def test_a_failure_says_which_command_it_was_and_what_docker_said_last(script: Script) -> None:
    docker = script("for line in 1 2 3 4 5; do echo line $line >&2; done; exit 3")
    with pytest.raises(DockerError) as failure:
        docker("volume", "rm", "data")
    assert str(failure.value) == "docker volume: line 2 / line 3 / line 4 / line 5"
    assert failure.value.said == "line 2 / line 3 / line 4 / line 5"
    with pytest.raises(DockerError, match="docker ps: status 7"):
        script("exit 7")("ps")


def test_a_command_that_does_not_end_is_ended(script: Script) -> None:
    docker = Docker(script("exec sleep 60").variables, seconds=1)
    with pytest.raises(DockerError, match="docker ps: no answer within 1 s"):
        docker("ps")


def test_without_a_docker_it_is_said_that_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(DockerError, match="docker cannot be run: No such file"):
        Docker({"PATH": str(tmp_path)})("ps")


def test_input_and_variables_reach_docker_beside_its_arguments(script: Script) -> None:
    docker = script('cat; printf " %s" "$SALT" "$@"')
    assert docker("create", "--env=SALT", stdin="in", also={"SALT": "canary"}) == "in canary create --env=SALT"


def test_what_it_says_as_an_error_is_kept_apart_unless_it_is_asked_for(script: Script) -> None:
    docker = script("echo out; echo error >&2")
    assert docker("logs", "web") == "out\n"
    assert docker.raw("logs", "web", merged=True) == b"out\nerror\n"


def test_nothing_is_asked_for_no_names_and_what_is_absent_is_left_out(script: Script) -> None:
    docker = script(f"echo '{json.dumps([{'Id': 'a'}])}'; exit 1")
    assert docker.inspect("image") == docker.present("image") == []
    assert docker.present("image", "a", "gone") == [{"Id": "a"}]
    with pytest.raises(DockerError):
        docker.inspect("image", "a", "gone")
    with pytest.raises(DockerError, match="no daemon"):
        script("echo no daemon >&2; exit 1").present("image", "a")


class OneContainer(DockerRuntime):
    """Docker with one container in this condition."""

    def __init__(self, state: str, health: str, docker: Docker) -> None:
        super().__init__("langfuse", docker.variables)
        self._entry = Container("1", "langfuse-redis", "redis", "o", "sha256:1", state, health, "", ())

    def containers(self) -> list[Container]:
        return [self._entry]


@pytest.mark.parametrize(("state", "health"), [("running", "unhealthy"), ("running", "starting"), ("exited", "-")])
def test_a_service_that_does_not_become_healthy_is_named(
    state: str, health: str, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "HEALTHY_SECONDS", 0)
    with pytest.raises(PlatformError, match=f"redis did not become healthy: .*\n.*{state}, {health}\n.*docker logs"):
        OneContainer(state, health, script("")).start("redis")
    OneContainer("running", "-", script("")).start("redis")
    with pytest.raises(PlatformError, match="there is no container of web: run `make up`"):
        OneContainer("running", "-", script("")).start("web")


@pytest.mark.parametrize(
    ("state", "detail", "works", "condition"),
    [
        ("running", {"health": "healthy"}, True, "healthy"),
        ("running", {"health": "starting"}, True, "starting"),
        ("running", {"health": "-"}, True, "-"),
        ("running", {"health": "unhealthy"}, False, "unhealthy"),
        ("exited", {"health": "healthy"}, False, "exited"),
        ("started", {"app": "web"}, True, "started"),
        ("starting", {"app": "web"}, False, "starting"),
        ("unknown", {"error": "no token"}, False, "unknown"),
    ],
)
def test_a_service_works_when_it_runs_and_nothing_calls_it_unhealthy(
    state: str, detail: dict[str, str], *, works: bool, condition: str
) -> None:
    seen = Status("web", state, detail)
    assert (seen.works, seen.condition) == (works, condition)

"""What `up` looks at before anything is created: here, whether every volume that held data is still there."""

import secrets
import subprocess
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from components.releases import Image
from ops import preflight
from ops.session import OpsError, Session
from ops.stackfile import read_config
from ops.state import State
from platforms.docker.client import Docker
from platforms.docker.labels import OWNER_LABEL
from platforms.docker.runtime import DockerRuntime
from platforms.fly import runtime as fly_runtime
from settings import load
from settings.recorded import NOTHING
from tests.unit.recorder import ROOT

SESSION = Session("test", {}, ROOT / "Pulumi.local.yaml", known=NOTHING)
REDIS = "urn:pulumi:test::langfuse-stack::langfuse-stack:index:Redis$"


def volume(name: str) -> dict[str, Any]:
    type_ = "docker:index/volume:Volume"
    return {"urn": f"{REDIS}{type_}::redis-data", "type": type_, "outputs": {"name": name}}


def gate(name: str, evidence: dict[str, Any] | None) -> dict[str, Any]:
    type_ = "pulumi-python:dynamic/checks:Redis"
    outputs = {"volume": name, "evidence": evidence}
    return {"urn": f"{REDIS}{type_}::redis-gate", "type": type_, "outputs": outputs}


KNOWS = {"identity": {"Redis": "a"}}


@pytest.mark.parametrize(
    ("resources", "present", "missing"),
    [
        ([], set(), set()),
        ([volume("a"), volume("b")], {"a", "b", "another"}, set()),
        ([volume("a"), volume("b")], {"a"}, {"b"}),
        ([gate("a", KNOWS)], set(), {"a"}),
        ([gate("a", {}), gate("b", None)], set(), set()),
    ],
    ids=["first run", "all there", "one lost", "lost, and forgotten by a refresh", "never proven"],
)
def test_a_volume_that_held_data_and_is_gone_stops_up(
    monkeypatch: pytest.MonkeyPatch, resources: list[dict[str, Any]], present: set[str], missing: set[str]
) -> None:
    state = State({"deployment": {"resources": resources}})
    monkeypatch.setattr(DockerRuntime, "volumes", lambda _: dict.fromkeys(present, ""))
    monkeypatch.setattr(preflight, "_taken_ports", lambda *_: [])
    monkeypatch.setattr(DockerRuntime, "unready", lambda _: [])
    if not missing:
        preflight.preflight(SESSION, state)
        return
    with pytest.raises(OpsError) as stopped:
        preflight.preflight(SESSION, state)
    for name in missing:
        assert f"volume {name} was present, now missing" in str(stopped.value)
    assert "docs/data-safety.md" in str(stopped.value)


@pytest.mark.attack("a cluster on another stack's volumes", layer="preflight", message="is another stack's", alone=True)
@pytest.mark.parametrize("name", ["clickhouse", "clickhouse_2", "clickhouse_3", "keeper_1", "keeper_2", "keeper_3"])
def test_every_volume_of_a_cluster_must_be_the_stacks_own(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "Pulumi.test.yaml"
    settings.write_text("config:\n  clickhouse:replicas: 3\n  langfuse-stack:instance: blue\n")
    monkeypatch.setattr(DockerRuntime, "volumes", lambda _: {f"blue_{name}_data": "another"})
    monkeypatch.setattr(preflight, "_taken_ports", lambda *_: [])
    monkeypatch.setattr(DockerRuntime, "unready", lambda _: [])
    with pytest.raises(OpsError, match=f"volume blue_{name}_data is another stack's"):
        preflight.preflight(Session("test", {}, settings, known=NOTHING), State({}))


FLY = Session("test", {"PATH": "/usr/bin"}, ROOT / "Pulumi.prod.yaml", known=NOTHING)


def ready_for_fly(monkeypatch: pytest.MonkeyPatch, local_images: str, **image: Any) -> None:
    """Look at a machine that has `fly`, and every image but one from a registry."""
    config = {**read_config(ROOT / "Pulumi.prod.yaml"), "fly:localImages": local_images}
    settings = load(config)
    found = {
        service: Image(reference, f"sha256:{service}", "pulled", "1", digest="sha256:1")
        for service, reference in settings.image_references.items()
    }
    found["langfuse-web"] = Image("langfuse", "sha256:here", "built", "1", **image)
    monkeypatch.setattr(preflight, "images", lambda *_: found)
    monkeypatch.setattr(fly_runtime, "require_version", lambda _: None)
    monkeypatch.setitem(FLY.__dict__, "settings", settings)
    monkeypatch.setattr(preflight, "refuse_unowned", lambda *_: None)
    preflight.preflight(FLY, State({}))


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (None, "is not on PATH"),
        ('{"Name": "flyctl", "Version": "0.4.5"}', r"is version 0\.4\.5, and 0\.4\.6 or later is needed"),
        ("not json", "is version unknown"),
        ('{"Version": "0.4.6"}', ""),
        ('{"Version": "2026.8.21-dev"}', ""),
    ],
)
def test_a_command_line_of_fly_that_is_missing_or_too_old_stops_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str | None, said: str
) -> None:
    binary = tmp_path / "flyctl"
    if version:
        binary.write_text(f"#!/bin/sh\necho '{version}'\n")
        binary.chmod(0o755)
    monkeypatch.setattr(preflight, "_images_it_cannot_run", lambda _: [])
    monkeypatch.setattr(preflight, "refuse_unowned", lambda *_: None)
    variables = {"PATH": "/bin", "FLY_BIN": str(binary)}
    with pytest.raises(OpsError, match=said) if said else nullcontext():
        preflight.preflight(Session("test", variables, ROOT / "Pulumi.prod.yaml", known=NOTHING), State({}))


@pytest.mark.parametrize(
    ("local_images", "stand_in", "said"),
    [
        ("refuse", False, "pulumi config set langfuse:webImage REFERENCE"),
        ("push", True, "the stand-in runs in the place of"),
        ("push", False, "built for arm64"),
        ("rehearse", True, "built for arm64"),
    ],
)
def test_an_image_that_fly_cannot_run_stops_up(
    monkeypatch: pytest.MonkeyPatch, local_images: str, *, stand_in: bool, said: str
) -> None:
    monkeypatch.setattr(Docker, "inspect", lambda _, __, *names: [{"Architecture": "arm64"} for _ in names])
    with pytest.raises(OpsError, match=said):
        ready_for_fly(monkeypatch, local_images, stand_in=stand_in)


@pytest.mark.parametrize(
    ("local_images", "image"),
    [
        ("refuse", {"digest": "sha256:2"}),
        ("push", {}),
        ("rehearse", {"stand_in": True}),
    ],
)
def test_images_that_fly_can_run_do_not(
    monkeypatch: pytest.MonkeyPatch, local_images: str, image: dict[str, Any]
) -> None:
    monkeypatch.setattr(Docker, "inspect", lambda _, __, *names: [{"Architecture": "amd64"} for _ in names])
    ready_for_fly(monkeypatch, local_images, **image)


STACK_ID = {"urn": "a::stack-id", "type": "random", "outputs": {"hex": "ours"}}


@pytest.mark.parametrize(
    ("resources", "there", "strangers"),
    [
        ([], {}, []),
        ([], {"langfuse_redis_data": ""}, ["langfuse_redis_data"]),
        ([], {"langfuse_redis_data": "theirs", "other_data": ""}, ["langfuse_redis_data"]),
        ([STACK_ID], {"langfuse_minio_data": "theirs"}, ["langfuse_minio_data"]),
        ([STACK_ID], {"langfuse_minio_data": "ours"}, []),
        ([STACK_ID, volume("langfuse_minio_data")], {"langfuse_minio_data": ""}, []),
    ],
    ids=["first run", "a lost state", "another stack", "its second run", "a run that was killed", "from before labels"],
)
def test_a_volume_that_another_stack_made_is_never_taken_over(
    monkeypatch: pytest.MonkeyPatch, resources: list[dict[str, Any]], there: dict[str, str], strangers: list[str]
) -> None:
    state = State({"deployment": {"resources": resources}})
    monkeypatch.setattr(DockerRuntime, "volumes", lambda _: there)
    found = preflight._volumes(SESSION, DockerRuntime("langfuse"), state)
    assert [problem.split()[1] for problem in found] == strangers
    assert all("is another stack's" in problem and "instance" in problem for problem in found)


@pytest.fixture
def made() -> Iterator[dict[str, str]]:
    """Two volumes and whose they are."""
    mark = secrets.token_hex(4)
    owners = {f"lfs_test_{mark}_redis_data": "theirs", f"lfs_test_{mark}_minio_data": ""}
    for name, owner in owners.items():
        label = ["--label", f"{OWNER_LABEL}={owner}"] if owner else []
        subprocess.run(["docker", "volume", "create", *label, name], check=True, capture_output=True)
    try:
        yield owners
    finally:
        subprocess.run(["docker", "volume", "rm", *owners], check=True, capture_output=True)


@pytest.mark.docker
def test_docker_says_who_made_a_volume_and_a_stack_of_that_name_is_refused(
    tmp_path: Path, made: dict[str, str]
) -> None:
    config = tmp_path / "Pulumi.test.yaml"
    instance = min(made).removesuffix("_minio_data").replace("_", "-")
    config.write_text(f"config:\n  langfuse-stack:instance: {instance}\n")
    session = Session("test", {}, config, known=NOTHING)
    docker = DockerRuntime(instance)
    assert made.items() <= docker.volumes().items()
    state = State({"deployment": {"resources": [STACK_ID]}})
    assert sorted(problem.split()[1] for problem in preflight._volumes(session, docker, state)) == sorted(made)

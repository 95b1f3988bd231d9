"""A container that never runs and has every data volume of a stack.

Docker removes no volume that a container has, whoever asks: plain Pulumi after every guard is gone, `docker volume rm`,
`docker volume prune`. The engine does not know of it, so that no program can remove it.
"""

import hashlib
from collections.abc import Sequence

from platforms.docker.client import Docker, DockerError
from platforms.docker.labels import HOLDER_LABEL
from platforms.docker.runtime import DockerRuntime
from policy.plan import Plan

IMAGE = "langfuse-stack/volume-holder:1"
EMPTY_ARCHIVE = "\0" * 10240
VOLUME = "docker:index/volume:Volume"


def volumes_of(plan: Plan) -> list[str]:
    """Docker volumes that a plan leaves in the state."""
    declared = (step.new for step in plan.steps if step.new and step.new.get("type") == VOLUME)
    return sorted(str((entry.get("inputs") or {})["name"]) for entry in declared)


def hold(docker: DockerRuntime, volumes: Sequence[str]) -> None:
    """Have one container hold all of these volumes that exist; the one before it goes.

    Raises:
        DockerError: Docker does not answer.
    """
    held = sorted(set(volumes) & docker.volumes().keys()) if volumes else []
    if not held:
        return
    instance = docker.instance
    label = f"{HOLDER_LABEL}={instance}"
    name = f"{instance}-volume-holder-{hashlib.sha256(' '.join(held).encode()).hexdigest()[:8]}"
    others = set(docker.holders())
    if name not in others:
        _make_image(docker.cli)
        mounts = [
            f"--mount=type=volume,source={volume},target=/{number},volume-nocopy" for number, volume in enumerate(held)
        ]
        docker.cli("create", f"--name={name}", f"--label={label}", "--network=none", *mounts, IMAGE, "/0")
    if outdated := sorted(others - {name}):
        docker.cli("rm", *outdated)


def _make_image(docker: Docker) -> None:
    """An image with nothing in it, unless it is there."""
    try:
        docker.inspect("image", IMAGE)
    except DockerError:
        docker("import", "-", IMAGE, stdin=EMPTY_ARCHIVE)

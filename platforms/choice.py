"""The one place that chooses a platform."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from components.secrets import StackSecrets
    from platforms.docker.runtime import DockerRuntime
    from platforms.phrases import Phrases
    from platforms.spec import Platform, Runtime
    from settings import Files, Settings


def choose(settings: "Settings", files: "Files", secrets: "StackSecrets") -> "Platform":
    """Where the stack runs."""
    stack, fly = settings.stack, settings.fly
    if stack.platform == "docker":
        from platforms.docker.platform import DockerPlatform

        return DockerPlatform(
            stack.instance,
            secrets.stack_id,
            settings.memory_mb,
            running=stack.running,
            reaches_machine=_names_operators_machine(settings, files),
            disposable=stack.disposable,
        )
    from components.base import data_options
    from platforms.fly.platform import FlyArgs, FlyPlatform
    from platforms.fly.toml import Guest

    return FlyPlatform(
        FlyArgs(
            organization=fly.organization,
            region=fly.region,
            apps=settings.fly_app,
            machines=lambda service: Guest.model_validate(settings.fly_machine(service)),
            public=fly.public,
            snapshot_retention=fly.snapshot_retention,
            owner=secrets.owner,
            secrets_key=secrets.first["nextauth-secret"].apply(_key_of_hashes),
            running=stack.running,
        ),
        data_options,
    )


def runtime(
    settings: "Settings", resources: Callable[[], Sequence[Mapping[str, Any]]], variables: Mapping[str, str]
) -> "Runtime":
    """What runs of a stack.

    Args:
        settings: of the stack.
        resources: everything in its state; read when it is needed.
        variables: environment that finds the platform and its login.
    """
    if found := docker(settings, variables):
        return found
    from platforms.fly.runtime import FlyRuntime

    return FlyRuntime(resources, settings.fly_app, settings.replicas, variables)


def docker(settings: "Settings", variables: Mapping[str, str]) -> "DockerRuntime | None":
    """The runtime of a stack whose services are containers of this machine; None elsewhere."""
    if settings.stack.platform != "docker":
        return None
    from platforms.docker.runtime import DockerRuntime

    return DockerRuntime(settings.stack.instance, variables)


def phrases(settings: "Settings", stack: str) -> "Phrases":
    """How a fix says what is done where the stack runs.

    Args:
        settings: of the stack.
        stack: its name.
    """
    if settings.stack.platform == "docker":
        from platforms.docker.phrases import phrases as on_docker

        return on_docker(settings.stack.instance)
    from platforms.fly.phrases import phrases as on_fly

    return on_fly(settings.fly_app, stack)


def _names_operators_machine(settings: "Settings", files: "Files") -> bool:
    """Whether settings or files name the machine that runs the containers."""
    from platforms.spec import OPERATORS_MACHINE

    return OPERATORS_MACHINE in str([settings.model_dump(), files.vault.model_dump(), files.gateway_config])


def _key_of_hashes(secret: str) -> str:
    return hashlib.sha256(f"hashes of staged secrets: {secret}".encode()).hexdigest()

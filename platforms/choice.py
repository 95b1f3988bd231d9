"""The one place that chooses a platform."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from platforms.docker.runtime import DockerRuntime
    from platforms.phrases import Phrases
    from platforms.spec import Runtime
    from settings import Settings


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

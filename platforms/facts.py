"""How platforms differ, as far as anything outside of `platforms/` has to know. Nothing here asks a platform."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class PlatformFacts:
    """What holds for every stack on a platform."""

    shared: bool
    """Whether several people and machines act on what runs there: their stack's state has to be shared too."""
    machine_per_service: bool
    """Whether each service has a machine of its own, with its own memory and disk; else all share one."""
    sized_volumes: bool
    """Whether a volume has a size of its own, and can grow."""
    published: bool
    """Whether services are reached on this machine's loopback; else only through tunnels."""
    internet: bool
    """Whether it can give a service an address on the internet."""
    prometheus: bool
    """Whether it has a Prometheus of its own, for all stacks."""
    disposable: bool
    """Whether a whole stack can be removed with its data."""
    providers: tuple[str, ...]
    """Packages that every stack on it uses, each a default provider of the version that Python has."""
    unmeasured: tuple[str, ...] = ()
    """What is measured elsewhere, and where."""


FACTS: Mapping[str, PlatformFacts] = {
    "docker": PlatformFacts(
        shared=False,
        machine_per_service=False,
        sized_volumes=False,
        published=True,
        internet=False,
        prometheus=False,
        disposable=True,
        providers=("random", "docker"),
    ),
    "fly": PlatformFacts(
        shared=True,
        machine_per_service=True,
        sized_volumes=True,
        published=False,
        internet=True,
        prometheus=True,
        disposable=False,
        providers=("random", "command"),
        unmeasured=("memory of machines: Fly's metrics have it, `fly dashboard metrics -a APP` opens them",),
    ),
}
"""Facts by the value of `langfuse-stack:platform`."""

"""A tiny service with everything a real one has."""

import pulumi

from checks.base import CheckProvider, CheckResource, Evidence, Inputs
from components.base import Component, register_delete_hook
from platforms.docker.platform import DockerPlatform
from platforms.spec import ExecProbe, File, HealthSpec, Mount, Platform, ServiceSpec, VolumeSpec

RESOURCES_EACH = 4
"""What the engine is told of for one service: component, volume, container, gate."""


def name_of(number: int) -> str:
    """Logical and physical name of one of the services; none is part of another."""
    return f"extra-{number:04}"


FIRST = name_of(0)


class TrustingProvider(CheckProvider):
    """See `TrustingGate`."""

    label = "gate extra"
    keys = ("watch",)

    def probe(self, _inputs: Inputs) -> Evidence:
        """Nothing is looked at."""
        return {}


class TrustingGate(CheckResource, module="bench", name="Trusting"):
    """Opens for everybody: what a gate costs, without what it proves."""

    provider = TrustingProvider


class Extra(Component):
    """One further service."""

    def __init__(self, name: str, instance: str, image: str, platform: Platform) -> None:
        super().__init__(name)
        volume = platform.volume(f"{name}-data", VolumeSpec(f"{instance}_{name}", 1), self.data())
        service = platform.service(
            f"{name}-container",
            ServiceSpec(
                name=name,
                image=image,
                ports=(),
                health=HealthSpec(ExecProbe(("redis-cli", "ping"))),
                stop_grace=1,
                env={f"SETTING_{number}": str(number) for number in range(20)},
                secret_env={"PASSWORD": pulumi.Output.secret("not-a-password")},
                mounts=(Mount(volume, "/data"),),
                files=(File("/etc/extra.conf", "nothing"),),
            ),
            self.child(),
        )
        self.gate(TrustingGate, f"{name}-gate", service, {})
        self.register_outputs({})


def declare() -> None:
    """As many services as the setting `count` says."""
    register_delete_hook()
    config = pulumi.Config()
    instance, image = config.require("instance"), config.require("image")
    platform = DockerPlatform(instance, "bench", lambda _: 512, running=True)
    for number in range(config.require_int("count")):
        Extra(name_of(number), instance, image, platform)

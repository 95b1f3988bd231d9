"""Docker on one machine: one private network, every port published on loopback only."""

from collections.abc import Callable

import pulumi
import pulumi_docker as docker

from platforms.docker.client import argv
from platforms.docker.labels import DISPOSABLE_LABEL, INSTANCE_LABEL, OWNER_LABEL, SERVICE_LABEL
from platforms.spec import (
    OPERATORS_MACHINE,
    Address,
    HealthSpec,
    HttpProbe,
    Service,
    ServiceSpec,
    UnsupportedError,
    Volume,
    VolumeSpec,
    reject_overlap,
)
from urls import is_loopback

LOOPBACK = "127.0.0.1"
LOG_LINES = "200"


class DockerPlatform:
    """Renders services as containers and volumes as Docker volumes.

    Args:
        instance: prefix of every container and the name of the network, so that two stacks can share a machine.
        owner: identity of the stack, which tells what it made from what another stack of the same instance made.
        memory_mb: memory limit of a service.
        running: `False` leaves every volume and removes containers and network.
        reaches_machine: whether containers need a name for the machine that they run on.
        disposable: marks each volume that is made as one that `make destroy` may remove. One that is there stays as it
            was made.
    """

    bind_address = "0.0.0.0"  # noqa: S104 - inside the private network; published on loopback only
    replicates = False

    def __init__(
        self,
        instance: str,
        owner: pulumi.Input[str],
        memory_mb: Callable[[str], int],
        *,
        running: bool,
        reaches_machine: bool = False,
        disposable: bool = False,
    ) -> None:
        self._instance = instance
        self._memory_mb = memory_mb
        self._disposable = disposable
        self._owner = owner
        self._hosts = [docker.ContainerHostArgs(host=OPERATORS_MACHINE, ip="host-gateway")] if reaches_machine else None
        self._network = (
            docker.Network(
                "network",
                name=instance,
                labels=[
                    docker.NetworkLabelArgs(label=INSTANCE_LABEL, value=instance),
                    docker.NetworkLabelArgs(label=OWNER_LABEL, value=owner),
                ],
            )
            if running
            else None
        )

    def volume(self, logical_name: str, spec: VolumeSpec, opts: pulumi.ResourceOptions) -> Volume:
        """A named local volume."""
        volume = docker.Volume(
            logical_name,
            name=spec.name,
            driver="local",
            labels=[
                docker.VolumeLabelArgs(label=INSTANCE_LABEL, value=self._instance),
                docker.VolumeLabelArgs(label=OWNER_LABEL, value=self._owner),
                *([docker.VolumeLabelArgs(label=DISPOSABLE_LABEL, value="true")] if self._disposable else []),
            ],
            # Immutable and irrelevant: a changed label must never ask for a new volume.
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(ignore_changes=["labels", "driverOpts"])),
        )
        return Volume(volume.name)

    def internal(self, service: str, port: int) -> str:
        """A service's name is its address on the private network."""
        return f"{service}:{port}"

    def service(self, logical_name: str, spec: ServiceSpec, opts: pulumi.ResourceOptions) -> Service:
        """A container; replaced (never updated in place) when its description changes."""
        reject_overlap(spec)
        if spec.replicas != 1:
            raise UnsupportedError(f"service {spec.name}: {spec.replicas} replicas, the Docker platform runs exactly 1")
        addresses = {
            port.name: Address(self.internal(spec.name, port.number), f"{LOOPBACK}:{port.published}")
            for port in spec.ports
            if port.published is not None
        }
        if self._network is None:
            return Service(spec.name, addresses, resource=None)
        container = docker.Container(
            logical_name,
            docker.ContainerArgs(
                name=f"{self._instance}-{spec.name}",
                image=spec.image,
                command=list(spec.command) or None,
                user=spec.user or None,
                envs=_env_list(spec),
                hosts=self._hosts,
                networks_advanced=[
                    docker.ContainerNetworksAdvancedArgs(name=self._network.name, aliases=[spec.name]),
                ],
                ports=[
                    docker.ContainerPortArgs(internal=port.number, external=port.published, ip=LOOPBACK)
                    for port in spec.ports
                    if port.published is not None
                ],
                volumes=[
                    docker.ContainerVolumeArgs(volume_name=mount.volume.name, container_path=mount.path)
                    for mount in spec.mounts
                ],
                uploads=[docker.ContainerUploadArgs(file=file.path, content=file.content) for file in spec.files],
                healthcheck=_healthcheck(spec.health),
                wait=spec.until_healthy or None,
                wait_timeout=_patience(spec.health) if spec.until_healthy else None,
                memory=spec.memory_mb or self._memory_mb(spec.name),
                memory_swap=spec.memory_mb or self._memory_mb(spec.name),
                restart="unless-stopped",
                stop_timeout=spec.stop_grace,
                destroy_grace_seconds=spec.stop_grace,
                log_opts={"max-size": "20m", "max-file": "3"},
                labels=[
                    docker.ContainerLabelArgs(label=INSTANCE_LABEL, value=self._instance),
                    docker.ContainerLabelArgs(label=OWNER_LABEL, value=self._owner),
                    docker.ContainerLabelArgs(label=SERVICE_LABEL, value=spec.name),
                ],
            ),
            opts=pulumi.ResourceOptions.merge(
                opts,
                pulumi.ResourceOptions(
                    delete_before_replace=True,
                    # The provider reports a changed health check as updated, but Docker cannot change one in place. A
                    # memory limit it can, but servers read theirs when they start.
                    replace_on_changes=["healthcheck", "memory", "memorySwap"],
                ),
            ),
        )
        return Service(
            spec.name,
            addresses,
            resource=container,
            logs=tuple(argv("logs", "--tail", LOG_LINES, f"{self._instance}-{spec.name}")),
            restarts=tuple(argv("inspect", "--format", "{{.RestartCount}}", f"{self._instance}-{spec.name}")),
        )

    def unreachable(self, host: str) -> str:
        """A container is its own loopback."""
        if not is_loopback(host):
            return ""
        return (
            f"{host} is each container itself: write {OPERATORS_MACHINE} for this machine, where the server must "
            "listen on all addresses"
        )

    def external(self, host: str, port: int) -> Address:
        """A server beside the stack, under the same name from everywhere but the machine itself."""
        if reason := self.unreachable(host):
            raise UnsupportedError(f"{host}:{port}: {reason}")
        operator = LOOPBACK if host == OPERATORS_MACHINE else host
        return Address(f"{host}:{port}", f"{operator}:{port}")


def _env_list(spec: ServiceSpec) -> list[pulumi.Input[str]]:
    plain: dict[str, pulumi.Input[str]] = {name: f"{name}={value}" for name, value in spec.env.items()}
    secret = {name: pulumi.Output.concat(name, "=", value) for name, value in spec.secret_env.items()}
    values = plain | secret
    return [values[name] for name in sorted(values)]


def _patience(health: HealthSpec) -> int:
    """Seconds after which Docker has called a container unhealthy."""
    return health.start_period + health.retries * (health.interval + health.timeout)


def _healthcheck(health: HealthSpec) -> docker.ContainerHealthcheckArgs | None:
    probe = health.probe
    argv: tuple[str, ...]
    if isinstance(probe, HttpProbe) and not probe.from_inside:
        return None
    if isinstance(probe, HttpProbe):
        argv = ("wget", "-q", "-O", "/dev/null", f"http://{LOOPBACK}:{probe.port}{probe.path}")
    else:
        argv = probe.argv
    return docker.ContainerHealthcheckArgs(
        tests=["CMD", *argv],
        interval=f"{health.interval}s",
        timeout=f"{health.timeout}s",
        retries=health.retries,
        start_period=f"{health.start_period // 60}m{health.start_period % 60}s",
    )

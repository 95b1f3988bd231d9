"""Docker on one machine: one private network, every port published on loopback only."""

import pulumi
import pulumi_docker as docker

from platforms.docker_labels import INSTANCE_LABEL, OWNER_LABEL, SERVICE_LABEL
from platforms.spec import (
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

LOOPBACK = "127.0.0.1"
LOG_LINES = "200"


class DockerPlatform:
    """Renders services as containers and volumes as Docker volumes.

    Args:
        instance: prefix of every container and the name of the network, so that two stacks can share a machine.
        owner: identity of the stack, which tells what it made from what another stack of the same instance made.
        running: `False` leaves every volume and removes containers and network.
    """

    bind_address = "0.0.0.0"  # noqa: S104 - inside the private network; published on loopback only
    replicates = False

    def __init__(self, instance: str, owner: pulumi.Input[str], *, running: bool) -> None:
        self._instance = instance
        self._owner = owner
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
                envs=_env_list(spec),
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
                memory=spec.memory_mb,
                # Docker would set it to twice as much, and every run would want it back.
                memory_swap=spec.memory_mb,
                wait=spec.until_healthy or None,
                wait_timeout=_patience(spec.health) if spec.until_healthy else None,
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
                    # The provider reports a changed health check as updated, but Docker cannot change one in place.
                    replace_on_changes=["healthcheck"],
                ),
            ),
        )
        return Service(
            spec.name,
            addresses,
            resource=container,
            logs=("docker", "logs", "--tail", LOG_LINES, f"{self._instance}-{spec.name}"),
        )

    def external(self, host: str, port: int) -> Address:
        """A server beside the stack, under the same name from everywhere."""
        return Address(f"{host}:{port}", f"{host}:{port}")


def _env_list(spec: ServiceSpec) -> list[pulumi.Input[str]]:
    plain: dict[str, pulumi.Input[str]] = {name: f"{name}={value}" for name, value in spec.env.items()}
    secret = {name: pulumi.Output.concat(name, "=", value) for name, value in spec.secret_env.items()}
    values = plain | secret
    return [values[name] for name in sorted(values)]


def _patience(health: HealthSpec) -> int:
    """Seconds after which Docker has called a container unhealthy."""
    return health.start_period + health.retries * (health.interval + health.timeout)


def _healthcheck(health: HealthSpec) -> docker.ContainerHealthcheckArgs:
    probe = health.probe
    argv: tuple[str, ...]
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

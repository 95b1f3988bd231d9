"""What a component asks of a platform: plain descriptions, no provider in sight."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

import pulumi

SHARED: Mapping[str, bool] = {"docker": False, "fly": True}
"""Platform to whether several people and machines act on what runs there: their stack's state has to be shared too."""


@dataclass(frozen=True)
class VolumeSpec:
    """Storage that outlives every machine it is attached to."""

    name: str
    """Physical name, for example `langfuse_clickhouse_data`. It never changes."""
    size_gb: int
    """Size in GB. A platform without sized volumes ignores it; none ever shrinks one."""


@dataclass(frozen=True)
class Volume:
    """A declared volume."""

    name: pulumi.Output[str]
    """Physical name, known once the platform has the volume."""


@dataclass(frozen=True)
class Mount:
    """A volume at a path inside a service."""

    volume: Volume
    path: str


@dataclass(frozen=True)
class Port:
    """A TCP port a service listens on."""

    name: str
    number: int
    """Port inside the service."""
    published: int | None
    """Port on the operator's loopback address; the setting `setting` moves it. `None` where only other services call:
    a platform may then have no address of it for the operator."""
    setting: str
    """Configuration key of `published`, for messages."""


@dataclass(frozen=True)
class HttpProbe:
    """Healthy when `GET path` answers 2xx."""

    port: int
    path: str
    from_inside: bool = True
    """Whether the image has a program that can ask. Without, a platform that can only ask from inside does not."""


@dataclass(frozen=True)
class ExecProbe:
    """Healthy when `argv`, run inside the service, exits 0."""

    argv: tuple[str, ...]


@dataclass(frozen=True)
class HealthSpec:
    """How the platform itself watches a service. All times in seconds."""

    probe: HttpProbe | ExecProbe
    interval: int = 5
    timeout: int = 5
    retries: int = 20
    start_period: int = 60
    """Failures within this time after the start do not count: migrations must never be cut short."""


@dataclass(frozen=True)
class Metrics:
    """Where a service gives metrics to Prometheus, on the private network."""

    port: int
    path: str = "/metrics"


@dataclass(frozen=True)
class File:
    """A rendered file placed into a service before it starts."""

    path: str
    content: pulumi.Input[str]


@dataclass(frozen=True)
class ServiceSpec:
    """One long-running service."""

    name: str
    """Name on the private network, for example `clickhouse`."""
    image: str
    """Content-addressed image: a local image id (`sha256:…`) or `name@sha256:…`."""
    ports: tuple[Port, ...]
    health: HealthSpec
    stop_grace: int
    """Seconds between the stop signal and the kill."""
    command: tuple[str, ...] = ()
    """Arguments for the image's entrypoint."""
    env: Mapping[str, str] = field(default_factory=dict)
    secret_env: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Environment whose values may never be shown; disjoint from `env`."""
    mounts: tuple[Mount, ...] = ()
    files: tuple[File, ...] = ()
    replicas: int = 1
    balanced: bool = False
    """Whether callers are spread over its replicas, and sent to healthy ones only."""
    user: str = ""
    """Who runs it, where a new volume does not belong to the image's own user; a platform that gives it to that user
    has no need of it."""
    metrics: Metrics | None = None
    """What a platform that has a Prometheus of its own reads from it."""
    memory_mb: int | None = None
    """Memory that it may take; `None` where only its machine limits it."""
    until_healthy: bool = False
    """Whether it counts as started only once it is healthy: what waits for it then changes one after the other."""


@dataclass(frozen=True)
class Address:
    """Where one port of a service is reached."""

    internal: str
    """`host:port` for the other services of the stack; of somebody else's HTTP server, the URL."""
    operator: str
    """The same for the machine that runs Pulumi, the checks and the operator commands."""
    tunnel: tuple[str, ...] = ()
    """Command that makes `operator` reachable on the local port it is given for `{port}`; empty when it already is."""


def tunnels(*addresses: Address) -> dict[str, list[str]]:
    """Operator address to the command that opens the way to it, for those that need one."""
    return {address.operator.rpartition("//")[2]: list(address.tunnel) for address in addresses if address.tunnel}


@dataclass(frozen=True)
class Service:
    """A declared service."""

    name: str
    addresses: Mapping[str, Address]
    """Port name to address. Known at plan time: nothing that holds data may hang on a running service."""
    resource: pulumi.CustomResource | None
    """What runs it; `None` while the stack is stopped."""
    version: pulumi.Output[str] | None = None
    """Changes whenever another release runs, where the resource itself stays the same."""
    logs: tuple[str, ...] = ()
    """Command that prints the end of the service's log and returns."""
    restarts: tuple[str, ...] = ()
    """Command that prints how often the platform started the service again by itself."""

    @property
    def identity(self) -> pulumi.Output[str] | None:
        """Changes whenever the service is replaced; `None` while the stack is stopped."""
        if self.resource is None:
            return None
        return self.version or self.resource.id


def behind(front: Service, *services: Service) -> Service:
    """Several services as one: reached where `front` is, and another one as soon as any of them is.

    Args:
        front: hands on what it gets to the others, and starts after them.
        services: the first one's log is the log of all.
    """
    identities = [service.identity for service in (front, *services)]
    known = [identity for identity in identities if identity is not None]
    return Service(
        services[0].name,
        front.addresses,
        resource=front.resource,
        version=pulumi.Output.all(*known).apply("/".join) if front.resource else None,
        logs=services[0].logs,
        restarts=services[0].restarts,
    )


class Platform(Protocol):
    """Where the stack runs."""

    bind_address: str
    """Address a service must listen on to be reached by the others."""
    replicates: bool
    """Whether it runs several replicas of a service without volumes behind one address; else each is a service."""

    def volume(self, logical_name: str, spec: VolumeSpec, opts: pulumi.ResourceOptions) -> Volume:
        """Declare a volume. `opts` come from `components.base.data_options`."""

    def internal(self, service: str, port: int) -> str:
        """`host:port` by which the services of the stack reach one of them, whether it is declared yet or not."""

    def service(self, logical_name: str, spec: ServiceSpec, opts: pulumi.ResourceOptions) -> Service:
        """Declare a service.

        Raises:
            UnsupportedError: the platform cannot do what the spec asks.
        """

    def unreachable(self, host: str) -> str:
        """Why no service reaches this host, and what to write instead; empty where they do."""

    def external(self, host: str, port: int) -> Address:
        """Where a server is reached that this stack uses and does not run.

        Raises:
            UnsupportedError: no service reaches it under that name.
        """


class UnsupportedError(pulumi.RunError):
    """A platform was asked for something it cannot do."""


OPERATORS_MACHINE = "host.docker.internal"
"""The name by which containers reach the machine that they run on."""
SERVER_NAMES = re.compile(
    r"(?:issuer|smtp_connection_url|api_base|(?<!proxy_)base_url|endpoint|https?_proxy)$", re.IGNORECASE
)
"""Names of settings whose values are URLs of servers that a service calls."""


def misplaced(values: Iterable[tuple[str, object]], platform: Platform) -> list[str]:
    """Servers among these settings that no service reaches: each by the path of its setting, with what to write.

    Args:
        values: path of a setting, whose last part is its name, and its value.
        platform: where the services run.
    """
    found = []
    for path, value in values:
        if isinstance(value, str) and SERVER_NAMES.search(path) and "://" in value:
            try:
                host = urlsplit(value).hostname or ""
            except ValueError:
                continue
            if reason := platform.unreachable(host):
                found.append(f"{path}: {reason}")
    return found


def reject_overlap(spec: ServiceSpec) -> None:
    """Refuse a variable that is both plain and secret: one of the two would silently win.

    Raises:
        UnsupportedError: names every such variable.
    """
    both: Sequence[str] = sorted(set(spec.env) & set(spec.secret_env))
    if both:
        raise UnsupportedError(f"service {spec.name}: {', '.join(both)} set both as plain and as secret environment")

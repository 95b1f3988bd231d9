"""What a component asks of a platform: plain descriptions, no provider in sight."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import pulumi

UNKNOWN = "unknown"
"""State of what the platform said nothing about."""
UNWATCHED = "-"
"""Health of what the platform does not watch."""


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


@dataclass(frozen=True)
class Status:
    """One service as the platform sees it at this moment."""

    service: str
    state: str
    """The platform's word: `running`, `exited`, `started`, `stopped`, …"""
    detail: Mapping[str, Any]
    """What the platform says besides, free of secrets."""

    @property
    def runs(self) -> bool:
        """Whether it is started."""
        return self.state in {"running", "started"}

    @property
    def rests(self) -> bool:
        """Whether it is known to be stopped: a state that nobody could read, or that changes, is neither."""
        return self.state in {"exited", "created", "stopped", "suspended"}

    @property
    def condition(self) -> str:
        """Its health where the platform watches it and it runs, else its state."""
        return str(self.detail.get("health", self.state)) if self.runs else self.state

    @property
    def works(self) -> bool:
        """Whether it runs and is not known to be unhealthy."""
        return self.runs and self.detail.get("health", UNWATCHED) in {"healthy", "starting", UNWATCHED}


@dataclass(frozen=True)
class Instance:
    """What is known of one instance of a service without asking it anything."""

    service: str
    name: str
    state: str
    """`running`, `paused`, `restarting`, `exited`, `created`, …; `unknown` when the platform did not say."""
    health: str
    """`healthy`, `starting`, `unhealthy`, or `-` when nothing watches it."""
    image: str
    env: Mapping[str, str] = field(default_factory=dict)
    """What it was given beyond what its image brings, secrets in the clear."""
    unread: str = ""
    """Why it is not known what it was given, or anything; empty when it is."""
    secrets: frozenset[str] = frozenset()
    """Names in `env` that the platform keeps as secrets, where it tells them apart."""
    restarts: int = 0
    out_of_memory: bool = False
    memory_bytes: int = 0
    """What it may use; 0 where there is no limit, or the platform does not say."""


@dataclass(frozen=True)
class Memory:
    """Memory of a container, a server, or the machine."""

    of: str
    used: int
    """Bytes."""
    limit: int | None
    """Bytes; None when nothing limits it."""


class Inspector(Protocol):
    """What can be seen of what runs. Each call ends within seconds, or raises `PlatformError`."""

    def instances(self) -> Mapping[str, Sequence[Instance]]:
        """Every instance of every service, oldest first, by service; asked for once."""

    def reach(self, service: str, targets: Sequence[str]) -> Mapping[str, str]:
        """Connect from a service's own network to each `host:port`: `ok`, or what went wrong."""

    def filesystem(self, service: str, path: str) -> str:
        """Type of the file system that holds `path`, as `stat -f` names it."""

    def recent(self, service: str, seconds: float) -> bytes:
        """What a service wrote in the last `seconds`."""

    def migration(self, service: str, folder: str, version: int) -> str | None:
        """Text of the migration that a service's image has under this number; None where it has none."""


class Runtime(Inspector, Protocol):
    """What runs of a stack, and what can be done to it. A method that does not succeed raises `PlatformError`."""

    def services(self) -> dict[str, Status]:
        """Every service of the stack, at this moment."""

    def logs(self, service: str, lines: int) -> str:
        """The last `lines` lines of a service's log, as the service wrote them."""

    def stop(self, service: str) -> None:
        """Stop a service gracefully; its volume, its image and its settings stay."""

    def start(self, service: str) -> None:
        """Start a stopped service again and wait until the platform calls it healthy."""

    def snapshots(self) -> Mapping[str, str]:
        """Take a snapshot of every volume and wait until it is complete; volume to snapshot.

        Empty where the platform has no snapshots.
        """

    def about(self) -> Mapping[str, Any]:
        """Versions, disk space and the like, free of secrets."""

    def unready(self) -> Sequence[str]:
        """What keeps this machine from deploying there, each with its fix."""

    def settings_of(self, service: str) -> Mapping[str, str]:
        """Environment of a service that is no secret; a platform that does not tell secrets apart adds those."""

    def address(self, service: str, port: int) -> Address | None:
        """Where a service is reached that is not published on this machine; None where it is published."""

    def memory(self) -> Sequence[Memory]:
        """Memory of what runs; empty where the platform measures it itself."""


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

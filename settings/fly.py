"""Settings of the Fly platform."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from settings.groups import Group, Slug
from settings.memory import NEEDS

AppName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,61}[a-z0-9]$")]
SERVICES = (
    r"clickhouse(-[23])?|clickhouse-keeper-[123]|clickhouse-proxy|minio|postgres|redis|cache"
    r"|langfuse-web(-[2-8])?|langfuse-web-proxy|langfuse-worker(-[2-8])?|relay|relay-proxy|gateway|media"
)
ServiceName = Annotated[str, Field(pattern=f"^({SERVICES})$")]
PublicName = Literal["langfuse-web", "gateway", "media"]


MEMORY_MB: Mapping[str, tuple[int, int]] = {"shared": (256, 2048), "performance": (2048, 8192)}
"""Least and most memory for each CPU of a kind."""
MEMORY_STEP_MB = 256


class Machine(Group):
    """Size of each machine that runs a service."""

    cpu_kind: Literal["shared", "performance"] = "shared"
    """Kind of processor."""
    cpus: Annotated[int, Field(ge=1, le=16)] = 2
    """Number of processors."""
    memory_mb: Annotated[int, Field(ge=256, le=131072)] = 4096
    """Memory in MB: 256 to 2048 a shared CPU, 2048 to 8192 a performance CPU."""

    @model_validator(mode="after")
    def _exists(self) -> Self:
        """Refuse a size that Fly would refuse only once the volume is there."""
        least, most = (self.cpus * each for each in MEMORY_MB[self.cpu_kind])
        if not least <= self.memory_mb <= most or self.memory_mb % MEMORY_STEP_MB:
            raise ValueError(
                f"{self.cpus} {self.cpu_kind} CPUs have {least} to {most} MB at Fly, in steps of {MEMORY_STEP_MB}, and "
                f"memoryMb is {self.memory_mb}: change it, cpus or cpuKind"
            )
        return self


PROCESSORS: Mapping[str, Mapping[str, object]] = {
    "clickhouse": {"cpuKind": "performance"},
    "clickhouse-keeper": {"cpus": 1},
    "clickhouse-proxy": {"cpus": 1},
    "minio": {"cpus": 1},
    "postgres": {"cpus": 1},
    "redis": {"cpus": 1},
    "cache": {"cpus": 1},
    "langfuse-web": {},
    "langfuse-worker": {},
    "relay": {"cpus": 1},
    "relay-proxy": {"cpus": 1},
    "gateway": {},
    "media": {"cpus": 1},
}
"""Those that Langfuse's documentation asks for, and half of them for what needs less."""
MACHINES: Mapping[str, Machine] = {
    service: Machine.model_validate({"memoryMb": NEEDS[service].ample, **processors})
    for service, processors in PROCESSORS.items()
}


PROXIES = 2
"""Machines of the proxy in front of several ClickHouse servers: their address outlives one of them."""


class FlySettings(Group):
    """Fly.io: the names of apps, where they run and how large."""

    namespace = "fly"
    organization: Slug = "personal"
    """Slug of the organization: `fly orgs list`."""
    region: Annotated[str, Field(pattern=r"^[a-z]{3}$")] = "ord"
    """Region of all machines and volumes."""
    apps: Mapping[ServiceName, AppName] = {}
    """Service to app; what is not named here is called `<instance>-<service>`."""
    machines: Mapping[ServiceName, Machine] = {}
    """Service to the size of its machines; what is not named here has the size that Langfuse documents."""
    public: tuple[PublicName, ...] = ("langfuse-web",)
    """Services with an address on the internet. What holds data can never have one: `media` passes signed links to
    media and exports, and nothing else, to the store."""
    local_images: Literal["refuse", "push", "rehearse"] = "refuse"
    """What to do with an image that no registry serves. `push`: the deployment takes it to the app's own registry at
    Fly; `rehearse`: the stand-in too, which is not for real data."""
    snapshot_retention: Annotated[int, Field(ge=1, le=60)] = 14
    """Days that a volume's snapshots are kept."""

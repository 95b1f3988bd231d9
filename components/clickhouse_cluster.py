"""What makes several ClickHouse servers one cluster: keepers that agree on its rows, and what each server is told.

The keepers run beside the servers, not in them: a server that is lost, restarted or out of memory then takes no vote
with it. There are three for two servers as well. Of two, both would have to live, so that two are less than one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from components.base import Component
from components.releases import Image
from components.templates import read, render
from platforms.spec import File, HealthSpec, HttpProbe, Mount, Platform, Port, Service, ServiceSpec, VolumeSpec

KEEPERS = 3
KEEPER_PORT = 9181
KEEPER_VOLUME_GB = 3
CONFIG_FILE = "/etc/clickhouse-keeper/langfuse.xml"
STORAGE = "/var/lib/clickhouse-keeper"
"""Not the server's folder, which the image gives to another user than a keeper runs as."""
RAFT_PORT = 9234
CONTROL_PORT = 9182
READY_PATH = "/ready"
PROXY = "clickhouse-proxy"


@dataclass(frozen=True)
class ClusterArgs:
    """What a cluster has beside its first server."""

    secret: pulumi.Output[str]
    """Shared by the servers: for queries among them, for fetching parts, and for what they write into the keepers."""
    proxy_image: Image
    proxies: int
    """Machines of the proxy, where the platform runs several of one service."""
    volumes: Sequence[VolumeSpec]
    """Of the second server and of each further one."""
    keeper_volumes: Sequence[VolumeSpec]
    """One for each of the keepers."""

    @property
    def members(self) -> list[str]:
        """Services of all servers."""
        return [member(number) for number in range(1, len(self.volumes) + 2)]


def member(number: int) -> str:
    """Service of a server; the first one is called as a single server is."""
    return "clickhouse" if number == 1 else f"clickhouse-{number}"


def keeper(number: int) -> str:
    """Service of a keeper."""
    return f"clickhouse-keeper-{number}"


def keepers(args: ClusterArgs, image: Image, platform: Platform, owner: Component) -> list[Service]:
    """The keepers, each with a volume: what they forget, the servers could no longer agree on.

    Args:
        args: see `ClusterArgs`.
        image: ClickHouse's, which brings the keeper too.
        platform: where they run.
        owner: the component they belong to.
    """
    return [
        _keeper(number, volume, image, platform, owner) for number, volume in enumerate(args.keeper_volumes, start=1)
    ]


def _keeper(number: int, spec: VolumeSpec, image: Image, platform: Platform, owner: Component) -> Service:
    volume = platform.volume(f"{keeper(number)}-data", spec, owner.data())
    return platform.service(
        keeper(number),
        ServiceSpec(
            name=keeper(number),
            image=image.image,
            command=("clickhouse-keeper", f"--config-file={CONFIG_FILE}"),
            ports=(Port("keeper", KEEPER_PORT, None, "clickhouse:replicas"),),
            health=HealthSpec(HttpProbe(CONTROL_PORT, READY_PATH)),
            stop_grace=30,
            mounts=(Mount(volume, STORAGE),),
            files=(File(CONFIG_FILE, _keeper_config(number, platform)),),
        ),
        owner.child(),
    )


def server_files(name: str, args: ClusterArgs, native_port: int, platform: Platform, folder: str) -> tuple[File, ...]:
    """What a server of the cluster is told beyond a single one.

    Args:
        name: its service.
        args: see `ClusterArgs`.
        native_port: by which the servers call each other.
        platform: where they run.
        folder: of the server's configuration.
    """
    members = [_place("clickhouse/cluster_member.xml", platform.internal(each, native_port)) for each in args.members]
    nodes = [
        _place("clickhouse/cluster_keeper.xml", platform.internal(keeper(each), KEEPER_PORT))
        for each in range(1, KEEPERS + 1)
    ]
    host, _, _ = platform.internal(name, native_port).rpartition(":")
    config = render(
        "clickhouse/cluster.xml",
        members="".join(members).rstrip(),
        keepers="".join(nodes).rstrip(),
        replica=name,
        host=host,
    )
    return (File(f"{folder}/config.d/langfuse-cluster.xml", config),)


def server_secrets(args: ClusterArgs) -> dict[str, pulumi.Input[str]]:
    """Secret variables that the files name."""
    return {"CLUSTER_SECRET": args.secret, "KEEPER_IDENTITY": pulumi.Output.concat("clickhouse:", args.secret)}


def grants() -> str:
    """What Langfuse's user may do beyond what it may on a single server."""
    return read("clickhouse/cluster_grants.xml").rstrip("\n")


def _keeper_config(number: int, platform: Platform) -> str:
    members = [
        _place("clickhouse/keeper_member.xml", platform.internal(keeper(each), RAFT_PORT), number=each)
        for each in range(1, KEEPERS + 1)
    ]
    return render(
        "clickhouse/keeper.xml",
        port=KEEPER_PORT,
        number=number,
        storage=STORAGE,
        members="".join(members).rstrip(),
        control_port=CONTROL_PORT,
        ready_path=READY_PATH,
    )


def _place(file: str, address: str, **values: object) -> str:
    host, _, port = address.rpartition(":")
    return render(file, host=host, port=port, **values)

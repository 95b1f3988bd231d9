"""What makes several ClickHouse servers one cluster: keepers that agree on its rows, and what each server is told.

The keepers run beside the servers, not in them: a server that is lost, restarted or out of memory then takes no vote
with it. There are three for two servers as well. Of two, both would have to live, so that two are less than one.
"""

import pulumi

from components.base import Component
from components.context import Context
from components.templates import read, render
from platforms.spec import File, HealthSpec, HttpProbe, Mount, Platform, Port, Service, ServiceSpec, VolumeSpec
from settings import Settings

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


def member(number: int) -> str:
    """Service of a server; the first one is called as a single server is."""
    return "clickhouse" if number == 1 else f"clickhouse-{number}"


def members(settings: Settings) -> list[str]:
    """Services of all servers."""
    return [member(number) for number in range(1, settings.clickhouse.replicas + 1)]


def keeper(number: int) -> str:
    """Service of a keeper."""
    return f"clickhouse-keeper-{number}"


def keepers(context: Context, owner: Component) -> list[Service]:
    """The keepers, each with a volume: what they forget, the servers could no longer agree on. None without a cluster.

    Args:
        context: the stack's.
        owner: the component they belong to.
    """
    _, volumes = context.settings.cluster_volumes(KEEPERS)
    return [_keeper(number, volume, context, owner) for number, volume in enumerate(volumes, start=1)]


def _keeper(number: int, volume_name: str, context: Context, owner: Component) -> Service:
    platform = context.platform
    volume = platform.volume(f"{keeper(number)}-data", VolumeSpec(volume_name, KEEPER_VOLUME_GB), owner.data())
    return platform.service(
        keeper(number),
        ServiceSpec(
            name=keeper(number),
            image=context.images["clickhouse"].image,
            command=("clickhouse-keeper", f"--config-file={CONFIG_FILE}"),
            ports=(Port("keeper", KEEPER_PORT, None, "clickhouse:replicas"),),
            health=HealthSpec(HttpProbe(CONTROL_PORT, READY_PATH)),
            stop_grace=30,
            mounts=(Mount(volume, STORAGE),),
            files=(File(CONFIG_FILE, _keeper_config(number, platform)),),
        ),
        owner.child(),
    )


def server_files(name: str, context: Context, native_port: int, folder: str) -> tuple[File, ...]:
    """Configuration of a server beyond that of a single one; none without a cluster.

    Args:
        name: its service.
        context: the stack's.
        native_port: by which the servers call each other.
        folder: of the server's configuration.
    """
    settings, platform = context.settings, context.platform
    if not settings.clickhouse.clustered:
        return ()
    servers = [
        _place("clickhouse/cluster_member.xml", platform.internal(each, native_port)) for each in members(settings)
    ]
    nodes = [
        _place("clickhouse/cluster_keeper.xml", platform.internal(keeper(each), KEEPER_PORT))
        for each in range(1, KEEPERS + 1)
    ]
    host, _, _ = platform.internal(name, native_port).rpartition(":")
    config = render(
        "clickhouse/cluster.xml",
        members="".join(servers).rstrip(),
        keepers="".join(nodes).rstrip(),
        replica=name,
        host=host,
    )
    return (File(f"{folder}/config.d/langfuse-cluster.xml", config),)


def server_secrets(context: Context) -> dict[str, pulumi.Input[str]]:
    """Secret variables that the files name; none without a cluster."""
    secret = context.secrets.clickhouse_cluster_secret
    if secret is None:
        return {}
    return {"CLUSTER_SECRET": secret, "KEEPER_IDENTITY": pulumi.Output.concat("clickhouse:", secret)}


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

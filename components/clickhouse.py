"""ClickHouse: a volume, a server closed to strangers, and the gate that proves it; or a cluster of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

import pulumi

from checks.base import CheckResource
from checks.clickhouse import ClickHouseGate
from components import clickhouse_cluster
from components.base import Component
from components.clickhouse_cluster import PROXY, ClusterArgs, member
from components.outbound import Outbound
from components.proxy import Behind, proxy
from components.releases import Image
from components.templates import read, render
from platforms.spec import (
    Address,
    File,
    HealthSpec,
    HttpProbe,
    Metrics,
    Mount,
    Platform,
    Port,
    Service,
    ServiceSpec,
    Volume,
    VolumeSpec,
    behind,
)

USER = "langfuse"
SECOND_USER = "langfuse_b"
"""A user has one password, so the password is rotated together with the user: they take turns."""
ADMIN = "langfuse_admin"
HTTP_PORT = 8123
NATIVE_PORT = 9000
METRICS = Metrics(9363)
CONFIG = "/etc/clickhouse-server"


def user_of(generation: int) -> str:
    """Langfuse's user while its password is in that generation."""
    return USER if generation % 2 else SECOND_USER


@dataclass(frozen=True)
class BackupStore:
    """Where the server writes backups to, and the key that it does so with."""

    url: str
    """Of the bucket, which is part of the path."""
    access_key: str
    secret_key: pulumi.Output[str]
    outbound: Outbound = field(default_factory=Outbound)
    """How it gets there; a store of the stack's own is reached as it is."""


@dataclass(frozen=True)
class ClickHouseArgs:
    """What makes one stack's ClickHouse differ from another's."""

    image: Image
    password: pulumi.Output[str]
    generation: int
    """Of the password; 1 before it was ever rotated."""
    password_before: pulumi.Output[str] | None
    """Of the user whose turn it was before; the password in use where it may not log in any more."""
    admin_password: pulumi.Output[str]
    backups: BackupStore
    database: str
    deletions: bool
    """Whether Langfuse may delete rows."""
    volume: VolumeSpec
    http_port: int
    native_port: int
    memory_ratio: float
    """Share of its own memory limit that the server may use, between 0 and 1."""
    query_log_ttl_days: int
    release: str
    """Langfuse release, for messages."""
    floor: tuple[int, ...]
    """Oldest version the release runs on."""
    metrics: bool = False
    """Whether it gives metrics to Prometheus."""
    cluster: ClusterArgs | None = None
    """What makes it a cluster; `None` for a single server."""


class ClickHouse(Component):
    """Langfuse's ClickHouse.

    Args:
        args: see `ClickHouseArgs`.
        platform: where it runs.
        after: gates that must be proven first.
    """

    http: Address
    native: Address
    native_tls = False
    user: str
    """Langfuse's user: confined to its database."""
    password: pulumi.Output[str]
    admin_user = ADMIN
    """The operator's user: for backups and repairs."""
    admin_password: pulumi.Output[str]
    database: str
    clustered: bool
    gates: list[CheckResource]

    def __init__(self, args: ClickHouseArgs, platform: Platform, after: Sequence[pulumi.Resource]) -> None:
        super().__init__("clickhouse", after)
        self.user = user_of(args.generation)
        cluster = args.cluster
        keepers = clickhouse_cluster.keepers(cluster, args.image, platform, self) if cluster else []
        servers: list[Service] = []
        for number, spec in enumerate((args.volume, *(cluster.volumes if cluster else ())), start=1):
            name = member(number)
            volume = platform.volume(f"{name}-data", spec, self.data())
            before = [service.resource for service in servers or keepers if service.resource]
            servers.append(
                args.backups.outbound.service(
                    platform, name, _server(name, volume, args, platform), self.child(after=before)
                )
            )
        service = self._behind_proxy(args, cluster, servers, keepers, platform) if cluster else servers[0]
        self.http, self.native = service.addresses["http"], service.addresses["native"]
        self.password, self.database = args.password, args.database
        self.admin_password = args.admin_password
        self.clustered = cluster is not None
        self.gates = self.prove_data(
            ClickHouseGate,
            "clickhouse-gate",
            service,
            {
                "volume": args.volume.name,
                "server": args.image.server,
                "http_address": self.http.operator,
                "native_address": self.native.operator,
                "user": self.user,
                "password": args.password,
                "admin_user": ADMIN,
                "admin_password": args.admin_password,
                "deletions": args.deletions,
                "database": args.database,
                "floor": list(args.floor),
                "release": args.release,
                "cluster": cluster.members if cluster else False,
            },
        )
        self.register_outputs({"http": self.http.operator, "native": self.native.operator})

    def _behind_proxy(
        self,
        args: ClickHouseArgs,
        cluster: ClusterArgs,
        servers: Sequence[Service],
        keepers: Sequence[Service],
        platform: Platform,
    ) -> Service:
        """The servers of a cluster as one service, with one address."""
        spec = proxy(
            PROXY,
            "proxy/clickhouse.cfg",
            cluster.proxy_image,
            ports=_ports(args, published=True),
            behind=Behind(cluster.members, check_port=HTTP_PORT, standby=True),
            platform=platform,
        )
        front = platform.service(
            PROXY,
            replace(spec, replicas=cluster.proxies if platform.replicates else 1),
            self.child(after=[server.resource for server in servers if server.resource]),
        )
        return behind(front, *servers, *keepers)


def _ports(args: ClickHouseArgs, *, published: bool) -> tuple[Port, Port]:
    return (
        Port("http", HTTP_PORT, args.http_port if published else None, "clickhouse:httpPort"),
        Port("native", NATIVE_PORT, args.native_port if published else None, "clickhouse:nativePort"),
    )


def _server(name: str, volume: Volume, args: ClickHouseArgs, platform: Platform) -> ServiceSpec:
    """One server, alone or as a member of a cluster."""
    cluster = args.cluster
    return ServiceSpec(
        name=name,
        image=args.image.image,
        ports=_ports(args, published=cluster is None),
        health=HealthSpec(HttpProbe(HTTP_PORT, "/ping")),
        stop_grace=60,
        env={
            "CLICKHOUSE_USER": ADMIN,
            "CLICKHOUSE_DB": args.database,
            "CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT": "1",
            "BACKUP_URL": args.backups.url,
            "BACKUP_ACCESS_KEY_ID": args.backups.access_key,
        },
        secret_env={
            "CLICKHOUSE_PASSWORD": args.admin_password,
            "BACKUP_SECRET_KEY": args.backups.secret_key,
            **(clickhouse_cluster.server_secrets(cluster) if cluster else {}),
        },
        mounts=(Mount(volume, "/var/lib/clickhouse"),),
        files=(
            File(
                f"{CONFIG}/config.d/langfuse.xml",
                render(
                    "clickhouse/server.xml",
                    memory_ratio=args.memory_ratio,
                    query_log_ttl_days=args.query_log_ttl_days,
                ),
            ),
            File(f"{CONFIG}/config.d/langfuse-backups.xml", read("clickhouse/backups.xml")),
            File(f"{CONFIG}/users.d/langfuse-profile.xml", read("clickhouse/profile.xml")),
            *_users(args),
            *([File(f"{CONFIG}/config.d/langfuse-metrics.xml", _metrics())] if args.metrics else ()),
            *(clickhouse_cluster.server_files(name, cluster, NATIVE_PORT, platform, CONFIG) if cluster else ()),
        ),
        until_healthy=cluster is not None,
        metrics=METRICS if args.metrics else None,
    )


def _metrics() -> str:
    return render("clickhouse/metrics.xml", port=METRICS.port, path=METRICS.path)


def _users(args: ClickHouseArgs) -> list[File]:
    """Langfuse's user; once its password was rotated, also the one it takes turns with.

    Neither ever goes: views run as the user that made them.
    """
    used, idle = user_of(args.generation), user_of(args.generation + 1)
    passwords = {used: args.password, idle: args.password_before or args.password}
    files = {USER: "langfuse-users.xml", **({SECOND_USER: "langfuse-second-user.xml"} if args.generation > 1 else {})}
    return [File(f"{CONFIG}/users.d/{file}", _user(args, user, passwords[user])) for user, file in files.items()]


def _user(args: ClickHouseArgs, user: str, password: pulumi.Output[str]) -> pulumi.Output[str]:
    further = "\n".join(
        [
            *([render("clickhouse/deletions.xml", database=args.database)] if args.deletions else []),
            *([clickhouse_cluster.grants()] if args.cluster else []),
        ]
    )

    def rendered(value: str) -> str:
        return render(
            "clickhouse/users.xml",
            user=user,
            password_sha256_hex=sha256(value.encode()).hexdigest(),
            database=args.database,
            further=further,
        )

    return password.apply(rendered)

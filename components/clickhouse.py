"""ClickHouse: a volume, a server closed to strangers, and the gate that proves it; or a cluster of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import pulumi

from checks.base import CheckResource
from checks.clickhouse import ClickHouseGate
from components import clickhouse_cluster
from components.base import Component
from components.clickhouse_cluster import PROXY, member
from components.context import Context
from components.minio import API_PORT, BACKUP_BUCKET, BACKUP_USER
from components.minio import SERVICE as MINIO
from components.outbound import through
from components.proxy import Behind, proxy
from components.templates import read, render
from platforms.spec import (
    Address,
    File,
    HealthSpec,
    HttpProbe,
    Metrics,
    Mount,
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
    external: bool


class ClickHouse(Component):
    """Langfuse's ClickHouse.

    Args:
        context: the stack's.
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

    def __init__(self, context: Context, after: Sequence[pulumi.Resource]) -> None:
        super().__init__("clickhouse", after)
        settings, secrets = context.settings, context.secrets
        self.user = user_of(secrets.generation("clickhouse-password"))
        self.password, self.admin_password = secrets.clickhouse_password, secrets.clickhouse_admin_password
        self.database, self.clustered = settings.clickhouse.database, settings.clickhouse.clustered
        keepers = clickhouse_cluster.keepers(context, self)
        servers = self._servers(context, keepers)
        service = self._behind_proxy(context, servers, keepers) if self.clustered else servers[0]
        self.http, self.native = service.addresses["http"], service.addresses["native"]
        self.gates = self.stateful_gate(
            ClickHouseGate,
            "clickhouse-gate",
            service,
            {
                "volume": settings.volume("clickhouse"),
                "server": context.images["clickhouse"].server,
                "http_address": self.http.operator,
                "native_address": self.native.operator,
                "user": self.user,
                "password": self.password,
                "admin_user": ADMIN,
                "admin_password": self.admin_password,
                "deletions": settings.langfuse.deletions,
                "database": self.database,
                "floor": list(floor(context)),
                "release": settings.release.name,
                "cluster": clickhouse_cluster.members(settings) if self.clustered else False,
            },
        )
        self.register_outputs({"http": self.http.operator, "native": self.native.operator})

    def _servers(self, context: Context, keepers: Sequence[Service]) -> list[Service]:
        """All servers, each started after the one before it."""
        group, backups = context.settings.clickhouse, _backups(context)
        further, _ = context.settings.cluster_volumes(clickhouse_cluster.KEEPERS)
        servers: list[Service] = []
        for number, volume_name in enumerate((context.settings.volume("clickhouse"), *further), start=1):
            name = member(number)
            spec = VolumeSpec(volume_name, group.volume_gb)
            volume = context.platform.volume(f"{name}-data", spec, self.data())
            before = [service.resource for service in servers or keepers if service.resource]
            server = _server(name, volume, backups, context)
            if backups.external:
                server = through(server, context)
            servers.append(context.platform.service(name, server, self.child(after=before)))
        return servers

    def _behind_proxy(self, context: Context, servers: Sequence[Service], keepers: Sequence[Service]) -> Service:
        """The servers of a cluster as one service, with one address."""
        settings, platform = context.settings, context.platform
        spec = proxy(
            context,
            PROXY,
            "proxy/clickhouse.cfg",
            ports=_ports(context, published=True),
            behind=Behind(clickhouse_cluster.members(settings), check_port=HTTP_PORT, standby=True),
        )
        front = platform.service(
            PROXY,
            replace(spec, replicas=settings.replicas(PROXY) if platform.replicates else 1),
            self.child(after=[server.resource for server in servers if server.resource]),
        )
        return behind(front, *servers, *keepers)


def floor(context: Context) -> tuple[int, ...]:
    """Oldest version that Langfuse runs on: what its image says, else what is known of the release."""
    return context.images["langfuse-web"].clickhouse_floor or context.settings.release.clickhouse_floor


def _backups(context: Context) -> BackupStore:
    store, key = context.settings.s3, context.vault.s3_key
    if key and store.place == "external":
        url, secret = f"{store.url}/{store.backups_bucket}/", pulumi.Output.secret(key[1])
        return BackupStore(url, key[0], secret, external=True)
    url = f"http://{context.platform.internal(MINIO, API_PORT)}/{BACKUP_BUCKET}/"
    return BackupStore(url, BACKUP_USER, context.secrets.minio_backup_secret_key, external=False)


def _ports(context: Context, *, published: bool) -> tuple[Port, Port]:
    group = context.settings.clickhouse
    return (
        Port("http", HTTP_PORT, group.http_port if published else None, "clickhouse:httpPort"),
        Port("native", NATIVE_PORT, group.native_port if published else None, "clickhouse:nativePort"),
    )


def _server(name: str, volume: Volume, backups: BackupStore, context: Context) -> ServiceSpec:
    """One server, alone or as a member of a cluster."""
    group = context.settings.clickhouse
    return ServiceSpec(
        name=name,
        image=context.images["clickhouse"].image,
        ports=_ports(context, published=not group.clustered),
        health=HealthSpec(HttpProbe(HTTP_PORT, "/ping")),
        stop_grace=60,
        env={
            "CLICKHOUSE_USER": ADMIN,
            "CLICKHOUSE_DB": group.database,
            "CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT": "1",
            "BACKUP_URL": backups.url,
            "BACKUP_ACCESS_KEY_ID": backups.access_key,
        },
        secret_env={
            "CLICKHOUSE_PASSWORD": context.secrets.clickhouse_admin_password,
            "BACKUP_SECRET_KEY": backups.secret_key,
            **clickhouse_cluster.server_secrets(context),
        },
        mounts=(Mount(volume, "/var/lib/clickhouse"),),
        files=_files(name, context),
        until_healthy=group.clustered,
        metrics=METRICS if context.metrics else None,
    )


def _files(name: str, context: Context) -> tuple[File, ...]:
    group = context.settings.clickhouse
    server = render(
        "clickhouse/server.xml", memory_ratio=group.memory_ratio, query_log_ttl_days=group.query_log_ttl_days
    )
    metrics = render("clickhouse/metrics.xml", port=METRICS.port, path=METRICS.path)
    return (
        File(f"{CONFIG}/config.d/langfuse.xml", server),
        File(f"{CONFIG}/config.d/langfuse-backups.xml", read("clickhouse/backups.xml")),
        File(f"{CONFIG}/users.d/langfuse-profile.xml", read("clickhouse/profile.xml")),
        *_users(context),
        *([File(f"{CONFIG}/config.d/langfuse-metrics.xml", metrics)] if context.metrics else ()),
        *clickhouse_cluster.server_files(name, context, NATIVE_PORT, CONFIG),
    )


def _users(context: Context) -> list[File]:
    """Langfuse's user; once its password was rotated, also the one it takes turns with.

    Neither ever goes: views run as the user that made them.
    """
    secrets, generation = context.secrets, context.secrets.generation("clickhouse-password")
    idle = secrets.before("clickhouse-password") or secrets.clickhouse_password
    passwords = {user_of(generation): secrets.clickhouse_password, user_of(generation + 1): idle}
    files = {USER: "langfuse-users.xml", **({SECOND_USER: "langfuse-second-user.xml"} if generation > 1 else {})}
    return [File(f"{CONFIG}/users.d/{file}", _user(context, user, passwords[user])) for user, file in files.items()]


def _user(context: Context, user: str, password: pulumi.Output[str]) -> pulumi.Output[str]:
    group = context.settings.clickhouse
    deletions = [render("clickhouse/deletions.xml", database=group.database)]
    further = [
        *(deletions if context.settings.langfuse.deletions else []),
        *([clickhouse_cluster.grants()] if group.clustered else []),
    ]

    def rendered(value: str) -> str:
        return render(
            "clickhouse/users.xml",
            user=user,
            password_sha256_hex=sha256(value.encode()).hexdigest(),
            database=group.database,
            further="\n".join(further),
        )

    return password.apply(rendered)

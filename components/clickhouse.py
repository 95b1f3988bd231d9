"""ClickHouse: a volume, a server closed to strangers, and the gate that proves it."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from checks.base import CheckResource
from checks.clickhouse import ClickHouseGate
from components.base import Component
from components.releases import Image
from components.templates import read, render
from platforms.spec import (
    Address,
    File,
    HealthSpec,
    HttpProbe,
    Mount,
    Platform,
    Port,
    ServiceSpec,
    VolumeSpec,
)

USER = "langfuse"
HTTP_PORT = 8123
NATIVE_PORT = 9000
CONFIG = "/etc/clickhouse-server"


@dataclass(frozen=True)
class ClickHouseArgs:
    """What makes one stack's ClickHouse differ from another's."""

    image: Image
    password: pulumi.Output[str]
    database: str
    volume: VolumeSpec
    http_port: int
    native_port: int
    memory_ratio: float
    """Share of the machine's memory the server may use, between 0 and 1."""
    query_log_ttl_days: int
    release: str
    """Langfuse release, for messages."""
    floor: tuple[int, int]
    """Oldest version the release runs on."""


class ClickHouse(Component):
    """Langfuse's ClickHouse.

    Args:
        args: see `ClickHouseArgs`.
        platform: where it runs.
        after: gates that must be proven first.
    """

    http: Address
    native: Address
    user = USER
    password: pulumi.Output[str]
    database: str
    gates: list[CheckResource]

    def __init__(self, args: ClickHouseArgs, platform: Platform, after: Sequence[pulumi.Resource]) -> None:
        super().__init__("clickhouse", after)
        volume = platform.volume("clickhouse-data", args.volume, self.data())
        service = platform.service(
            "clickhouse",
            ServiceSpec(
                name="clickhouse",
                image=args.image.image,
                ports=(
                    Port("http", HTTP_PORT, args.http_port, "clickhouse:httpPort"),
                    Port("native", NATIVE_PORT, args.native_port, "clickhouse:nativePort"),
                ),
                health=HealthSpec(HttpProbe(HTTP_PORT, "/ping")),
                stop_grace=60,
                env={
                    "CLICKHOUSE_USER": USER,
                    "CLICKHOUSE_DB": args.database,
                    "CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT": "1",
                },
                secret_env={"CLICKHOUSE_PASSWORD": args.password},
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
                    File(f"{CONFIG}/users.d/langfuse-profile.xml", read("clickhouse/profile.xml")),
                ),
            ),
            self.child(),
        )
        self.http, self.native = service.addresses["http"], service.addresses["native"]
        self.password, self.database = args.password, args.database
        self.gates = self.prove(
            ClickHouseGate,
            "clickhouse-gate",
            service,
            {
                "http_address": self.http.operator,
                "native_address": self.native.operator,
                "user": USER,
                "password": args.password,
                "database": args.database,
                "floor": list(args.floor),
                "release": args.release,
                "cluster": False,
            },
        )
        self.register_outputs({"http": self.http.operator, "native": self.native.operator})

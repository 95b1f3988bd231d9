"""Redis: a volume, a server that never evicts and writes every job to disk, and the gate that proves it.

Beside it, a small one for the gateway's cache of answers, which forgets what is old and keeps nothing on disk.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from checks.base import CheckResource
from checks.redis import RedisGate
from components.base import Component
from components.releases import Image
from components.templates import read, render
from platforms.spec import (
    Address,
    ExecProbe,
    File,
    HealthSpec,
    Mount,
    Platform,
    Port,
    ServiceSpec,
    Volume,
    VolumeSpec,
)

REDIS_PORT = 6379
DEFAULT_USER = "default"
CONFIG_FILE = "/etc/redis/langfuse.conf"
CACHE = "cache"


@dataclass(frozen=True)
class RedisArgs:
    """What makes one stack's Redis differ from another's."""

    image: Image
    password: pulumi.Output[str]
    password_before: pulumi.Output[str] | None
    """Accepted too, while clients change over."""
    volume: VolumeSpec
    port: int
    floor: tuple[int, int]
    """Oldest version the Langfuse release runs on."""
    maxmemory_mb: int
    """What the queue may take; at the limit new jobs are refused, and their senders keep them."""
    cache_maxmemory_mb: int
    """What the cache of answers may take; at the limit the oldest go."""


class Redis(Component):
    """The ingestion queue's Redis, and the cache's.

    Args:
        args: see `RedisArgs`.
        platform: where it runs.
        after: gates that must be proven first.
    """

    address: Address
    password: pulumi.Output[str]
    url: pulumi.Output[str] | None = None
    """Only where it is somebody else's server, like `cache_url`."""
    cache: str
    cache_url: pulumi.Output[str] | None = None
    key_prefix = ""
    gates: list[CheckResource]

    def __init__(self, args: RedisArgs, platform: Platform, after: Sequence[pulumi.Resource]) -> None:
        super().__init__("redis", after)
        volume = platform.volume("redis-data", args.volume, self.data())
        service = platform.service("redis", _server("redis", args, volume), self.child())
        platform.service(CACHE, _server(CACHE, args), self.child())
        self.cache = platform.internal(CACHE, REDIS_PORT)
        self.address = service.addresses["redis"]
        self.password = args.password
        self.gates = self.prove_data(
            RedisGate,
            "redis-gate",
            service,
            {
                "volume": args.volume.name,
                "server": args.image.server,
                "address": self.address.operator,
                "user": DEFAULT_USER,
                "password": args.password,
                "tls": False,
                "floor": list(args.floor),
            },
        )
        self.register_outputs({"address": self.address.operator})


def _server(name: str, args: RedisArgs, volume: Volume | None = None) -> ServiceSpec:
    """The queue's server; without a volume the cache's, which nobody outside of the private network calls."""
    return ServiceSpec(
        name=name,
        image=args.image.image,
        command=("redis-server", CONFIG_FILE),
        ports=(Port("redis", REDIS_PORT, args.port if volume else None, "redis:port"),),
        health=HealthSpec(ExecProbe(("redis-cli", "ping"))),
        stop_grace=30,
        secret_env={"REDISCLI_AUTH": args.password},
        mounts=(Mount(volume, "/data"),) if volume else (),
        files=(File(CONFIG_FILE, _configuration(args, volume)),),
    )


def _configuration(args: RedisArgs, volume: Volume | None) -> pulumi.Output[str]:
    template, maxmemory = ("queue", args.maxmemory_mb) if volume else (CACHE, args.cache_maxmemory_mb)

    def rendered(passwords: Sequence[str]) -> str:
        password, *before = passwords
        common = render("redis/redis.conf", password=password, maxmemory_mb=maxmemory)
        both = [render("redis/both.conf", password=password, before=old) for old in before]
        return "".join([common, read(f"redis/{template}.conf"), *both])

    accepted = [args.password, *([args.password_before] if args.password_before else [])]
    return pulumi.Output.all(*accepted).apply(rendered)

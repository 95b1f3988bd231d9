"""Redis: a volume, a server that never evicts and writes every job to disk, and the gate that proves it.

Beside it, a small one for the gateway's cache of answers, which forgets what is old and keeps nothing on disk.
"""

from collections.abc import Sequence

import pulumi

from checks.base import CheckResource
from checks.redis import RedisGate
from components.base import Component
from components.context import Context
from components.templates import read, render
from platforms.spec import (
    Address,
    ExecProbe,
    File,
    HealthSpec,
    Mount,
    Port,
    ServiceSpec,
    Volume,
)
from settings.memory import redis_maxmemory_mb

REDIS_PORT = 6379
DEFAULT_USER = "default"
CONFIG_FILE = "/etc/redis/langfuse.conf"
CACHE = "cache"


class Redis(Component):
    """The ingestion queue's Redis, and the cache's.

    Args:
        context: the stack's.
        after: gates that must be proven first.
    """

    address: Address
    password: pulumi.Output[str]
    url: pulumi.Output[str] | None = None
    """Only where it is somebody else's server, like `cache_url`."""
    passwordless_url: pulumi.Output[str]
    cache: str
    cache_url: pulumi.Output[str] | None = None
    key_prefix = ""
    gates: list[CheckResource]

    def __init__(self, context: Context, after: Sequence[pulumi.Resource]) -> None:
        super().__init__("redis", after)
        platform = context.platform
        spec = context.volume("redis", context.settings.redis.volume_gb)
        volume = platform.volume("redis-data", spec, self.data())
        service = platform.service("redis", _server("redis", context, volume), self.child())
        platform.service(CACHE, _server(CACHE, context), self.child())
        self.cache = platform.internal(CACHE, REDIS_PORT)
        self.address = service.addresses["redis"]
        self.password = context.secrets.redis_password
        self.passwordless_url = pulumi.Output.secret(f"redis://{self.address.internal}")
        self.gates = self.stateful_gate(
            RedisGate,
            "redis-gate",
            service,
            {
                "volume": spec.name,
                "server": context.images["redis"].server,
                "address": self.address.operator,
                "user": DEFAULT_USER,
                "password": self.password,
                "tls": False,
                "floor": list(context.settings.release.redis_floor),
            },
        )
        self.register_outputs({"address": self.address.operator})


def _server(name: str, context: Context, volume: Volume | None = None) -> ServiceSpec:
    """The queue's server; without a volume the cache's, which nobody outside of the private network calls."""
    return ServiceSpec(
        name=name,
        image=context.images["redis"].image,
        command=("redis-server", CONFIG_FILE),
        ports=(Port("redis", REDIS_PORT, context.settings.redis.port if volume else None, "redis:port"),),
        health=HealthSpec(ExecProbe(("redis-cli", "ping"))),
        stop_grace=30,
        secret_env={"REDISCLI_AUTH": context.secrets.redis_password},
        mounts=(Mount(volume, "/data"),) if volume else (),
        files=(File(CONFIG_FILE, _configuration(name, context)),),
    )


def _configuration(name: str, context: Context) -> pulumi.Output[str]:
    template = CACHE if name == CACHE else "queue"
    maxmemory = redis_maxmemory_mb(context.settings.memory_mb(name))

    def rendered(passwords: Sequence[str]) -> str:
        password, *before = passwords
        common = render("redis/redis.conf", password=password, maxmemory_mb=maxmemory)
        both = [render("redis/both.conf", password=password, before=old) for old in before]
        return "".join([common, read(f"redis/{template}.conf"), *both])

    before = context.secrets.before("redis-password")
    return pulumi.Output.all(context.secrets.redis_password, *([before] if before else [])).apply(rendered)

"""Depth of every queue of jobs that Langfuse keeps in Redis."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from checks import redis
from checks.trace import BULL
from checks.tunnels import Translation
from ops.capacity.measurement import Queue
from ops.state import State
from platforms.spec import Memory
from settings import Settings

if TYPE_CHECKING:
    from redis import Redis

REDIS_GATE = "redis-gate"
META = ":meta"
"""Ends the key that every queue has."""
PAGE, PAGES = 1000, 500
"""Keys that are looked through: a Redis that is shared with a cache may have many."""


@dataclass(frozen=True)
class Server:
    """How to reach and enter the Redis of the queues."""

    address: str
    password: str | None
    user: str | None = None
    tls: bool = False
    database: int = 0
    prefix: str = BULL
    """First part of every queue's keys."""

    def client(self) -> "Redis":
        """A client with bounded time-outs."""
        return redis.client(self.address, self.password, user=self.user, tls=self.tls, database=self.database)


def server_of(state: State, there: Translation, settings: Settings) -> Server:
    """The Redis of the queues of a stack, as its state says.

    Args:
        state: of the stack.
        there: turns an address into the one at which a tunnel is open.
        settings: of the stack.
    """

    def output(name: str) -> Any:
        return there(state.output(REDIS_GATE, name))

    return Server(
        address=output("address"),
        password=output("password"),
        user=output("user"),
        tls=bool(output("tls")),
        database=state.outputs(REDIS_GATE).get("db", 0),
        prefix=settings.redis.key_prefix or BULL,
    )


def queues(of: Server) -> list[Queue]:
    """Every queue that was ever used, the fullest first."""
    with of.client() as server:
        found = [_queue(server, f"{of.prefix}:{name}", name) for name in _names(server, of.prefix)]
    return sorted(found, key=lambda queue: (-queue.waiting, queue.name))


@dataclass(frozen=True)
class Failures:
    """Jobs of one queue that failed for good, and why the newest did."""

    queue: str
    count: int
    reason: str


def failures(of: Server) -> list[Failures]:
    """Queues with jobs that nobody tries again."""
    found = [queue for queue in queues(of) if queue.failed_for_good]
    with of.client() as server:
        return [Failures(queue.name, queue.failed, _newest(server, f"{of.prefix}:{queue.name}")) for queue in found]


def _newest(server: Any, key: str) -> str:
    newest = server.zrevrange(f"{key}:failed", 0, 0)
    return str((newest and server.hget(f"{key}:{newest[0]}", "failedReason")) or "no reason is kept")


def memory(of: Server) -> Memory:
    """What Redis has taken of what it may take."""
    with of.client() as server:
        info: dict[str, Any] = server.info("memory")
    return Memory("redis server", int(info["used_memory"]), int(info["maxmemory"]) or None)


def _names(server: Any, prefix: str) -> list[str]:
    cursor, found = 0, set()
    for _ in range(PAGES):
        cursor, keys = server.scan(cursor, match=f"{prefix}:*{META}", count=PAGE)
        found |= {key[len(prefix) + 1 : -len(META)] for key in keys}
        if not cursor:
            break
    return sorted(found)


def _queue(server: Any, key: str, name: str) -> Queue:
    asked = server.pipeline(transaction=False)
    asked.llen(f"{key}:wait").llen(f"{key}:paused").zcard(f"{key}:prioritized").llen(f"{key}:active")
    asked.zcard(f"{key}:delayed").zcard(f"{key}:failed").lindex(f"{key}:wait", -1)
    wait, paused, prioritized, active, delayed, failed, oldest = asked.execute()
    return Queue(
        name=name,
        waiting=wait + paused + prioritized,
        active=active,
        delayed=delayed,
        failed=failed,
        oldest_seconds=_age(server.hget(f"{key}:{oldest}", "timestamp")) if oldest else None,
    )


def _age(milliseconds: str | None) -> float | None:
    return max(time.time() - int(milliseconds) / 1000, 0) if milliseconds else None

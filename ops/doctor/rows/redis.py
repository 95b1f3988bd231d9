"""Rows about Redis: the way to it, and what it does with queued jobs."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from checks import redis
from ops.capacity.measurement import DELETION_QUEUES
from ops.capacity.queues import Server, failures
from ops.doctor.access import Access
from ops.doctor.looks import environment
from ops.doctor.row import NotApplicableError, Part, Row, Seen, fine, wrong
from ops.doctor.rows import addresses

if TYPE_CHECKING:
    from redis import Redis

QUEUES = ("otel-ingestion-queue", "ingestion-queue")
MEND_DELETIONS = "mend what the reason says; Langfuse tries again every 10 minutes, or see {log langfuse-worker}"
ONLY_IPV6 = "only IPv6"
FIRST_WITH_IPV6 = 4
"""Major Langfuse release whose Redis client asks for IPv6 addresses by itself."""


def _password(access: Access) -> Seen:
    from redis.exceptions import AuthenticationError

    try:
        with _client(access) as server:
            server.ping()
    except AuthenticationError:
        return wrong(f"AUTH at {access.redis_address} refused")
    return fine(f"{access.redis_address} takes the stack's password")


def _client(access: Access) -> "Redis":
    return redis.client(access.redis_address, access.redis_password, user=access.redis_user, tls=access.redis_tls)


def _url(access: Access) -> Seen:
    for service in ("langfuse-web", "langfuse-worker"):
        env = environment(access.inspector, service)
        url = env.get("REDIS_CONNECTION_STRING", "")
        if url:
            parts = addresses.parsed(url)
            password = (parts.password or "") if parts else ""
            if parts is None or quote(unquote(password), safe="!$&'()*+,;=-._~") != password:
                return wrong(f"REDIS_CONNECTION_STRING of {service} has a password that is not percent-encoded")
        elif env.get("REDIS_HOST") and not env.get("REDIS_AUTH"):
            return wrong(f"{service} has REDIS_HOST without REDIS_AUTH: it logs in with the password `undefined`")
    return fine("host and password as they must be")


def _connection(access: Access) -> Seen:
    target = _target(access)
    answer = access.inspector.reach("langfuse-web", [target])[target]
    if answer.startswith("ok") or (ONLY_IPV6 in answer and not _asks_for_ipv6(access)):
        return fine(f"web reaches {target}")
    return wrong(f"from web, {target}: {answer}")


def _asks_for_ipv6(access: Access) -> bool:
    url = environment(access.inspector, "langfuse-web").get("REDIS_CONNECTION_STRING", "")
    return int(access.version.partition(".")[0]) >= FIRST_WITH_IPV6 or "family=6" in url


def _ipv6(access: Access) -> Seen:
    target = _target(access)
    answer = access.inspector.reach("langfuse-web", [target])[target]
    if ONLY_IPV6 in answer and not _asks_for_ipv6(access):
        return wrong(f"{target}: {answer}; Langfuse {access.version} asks for IPv4")
    return fine(f"{target} has an address that Langfuse asks for")


def _target(access: Access) -> str:
    env = environment(access.inspector, "langfuse-web")
    url = env.get("REDIS_CONNECTION_STRING", "")
    return addresses.target(url) or f"{env.get('REDIS_HOST', 'redis')}:{env.get('REDIS_PORT', '6379')}"


def _info(access: Access) -> tuple[dict[str, Any], str]:
    with _client(access) as server:
        info: dict[str, Any] = server.info()
        # Managed servers forbid CONFIG and say it here.
        policy = str(info.get("maxmemory_policy") or "") or str(
            server.config_get("maxmemory-policy")["maxmemory-policy"]
        )
        return info, policy


def _eviction(access: Access) -> Seen:
    info, policy = _info(access)
    evicted = int(info.get("evicted_keys") or 0)
    if policy != "noeviction" or evicted:
        fix = None if policy != "noeviction" else "jobs were lost: send their events again; {redis CONFIG RESETSTAT}"
        return wrong(f"maxmemory-policy {policy}, {evicted} keys evicted", fix)
    return fine(f"noeviction, nothing evicted, {info.get('used_memory_human', '?')} used")


def _version(access: Access) -> Seen:
    info, _ = _info(access)
    found = str(info["redis_version"])
    if tuple(int(part) for part in found.split(".")[:2]) < access.redis_floor:
        return wrong(f"Redis {found}, below {'.'.join(str(part) for part in access.redis_floor)}")
    return fine(f"Redis {found}")


def _persistence(access: Access) -> Seen:
    info, _ = _info(access)
    if "aof_enabled" not in info:
        raise NotApplicableError("this server does not say how it writes to disk")
    if info.get("aof_enabled") and info.get("aof_last_write_status") == "ok":
        return fine("every job is written to disk")
    return wrong(f"appendonly {info.get('aof_enabled')}, last write {info.get('aof_last_write_status')}")


def _queue(access: Access) -> Seen:
    prefix = access.redis_prefix
    with _client(access) as server:
        waiting = {name: int(server.llen(f"{prefix}:{name}:wait") or 0) for name in QUEUES}
        failed = {name: int(server.zcard(f"{prefix}:{name}:failed") or 0) for name in QUEUES}
    shown = ", ".join(f"{name} {waiting[name]} waiting, {failed[name]} failed" for name in QUEUES)
    if max(waiting.values()) > access.limits.waiting_jobs:
        return wrong(shown)
    return fine(shown)


def _failed(access: Access) -> Seen:
    found = failures(
        Server(
            access.redis_address, access.redis_password, access.redis_user, access.redis_tls, prefix=access.redis_prefix
        )
    )
    if not found:
        return fine("no job failed for good")
    shown = ", ".join(f"{entry.queue} {entry.count} failed" for entry in found)
    return wrong(f"{shown}, the newest with: {found[0].reason[:160]}")


def _deletions(access: Access) -> Seen:
    failed: dict[str, int] = {}
    reasons: list[str] = []
    with _client(access) as server:
        for name in DELETION_QUEUES:
            key = f"{access.redis_prefix}:{name}"
            if count := int(server.zcard(f"{key}:failed") or 0):
                failed[name] = count
                [newest] = server.zrevrange(f"{key}:failed", 0, 0)
                reasons.append(str(server.hget(f"{key}:{newest}", "failedReason") or "no reason"))
    if not failed:
        return fine("no deletion failed")
    shown = ", ".join(f"{name} {count} failed" for name, count in failed.items())
    if not _is_refusal(reasons):
        return wrong(f"{shown}, the newest with: {reasons[0][:160]}", MEND_DELETIONS)
    if access.deletions:
        return fine(f"{shown} before deletions were switched on; Langfuse tries again at the next full 10 minutes")
    return wrong(f"{shown}, the newest with: {reasons[0][:160]}")


def _is_refusal(reasons: Sequence[str]) -> bool:
    return any(re.search(r"Not enough privileges|Access ?Denied|Failed to delete files", reason) for reason in reasons)


ROWS = (
    Row(
        id="redis-password",
        part=Part.REDIS,
        symptom="WRONGPASS invalid username-password pair; NOAUTH Authentication required",
        cause="Redis runs with another password than the stack's",
        detected="AUTH and PING with the stack's password",
        fix="{redis_login}",
        probe=_password,
    ),
    Row(
        id="redis-url",
        part=Part.REDIS,
        symptom="getaddrinfo ENOTFOUND default",
        cause="a reserved character in the password of REDIS_CONNECTION_STRING, or REDIS_HOST without REDIS_AUTH",
        detected="both forms in the environment of web and worker",
        fix="take the REDIS_* variables out of `langfuse:extraEnv`, then `make up`; or percent-encode the password",
        probe=_url,
    ),
    Row(
        id="redis-connection",
        part=Part.REDIS,
        symptom="requests hang; Stream isn't writeable and enableOfflineQueue options is false",
        cause="Redis is down, or web is told another host",
        detected="connects to Redis from web's own network",
        fix="`make up`; web answers again seconds after Redis is back",
        probe=_connection,
    ),
    Row(
        id="redis-ipv6",
        part=Part.REDIS,
        symptom="getaddrinfo ENOTFOUND x.internal, and the name does resolve",
        cause="the name has IPv6 addresses only, and the Redis client of release 3 asks for IPv4",
        detected="addresses of the name in web's own network, against Langfuse's release",
        fix="{redis_ipv6}, then `make up`",
        probe=_ipv6,
    ),
    Row(
        id="redis-eviction",
        part=Part.REDIS,
        symptom="jobs vanish, locks are lost: Missing lock for job; Eviction policy is …",
        cause="Redis may throw keys away when memory is short, as caches do",
        detected="CONFIG GET maxmemory-policy, evicted_keys of INFO",
        fix="{redis CONFIG SET maxmemory-policy noeviction}, and a Redis of its own for Langfuse",
        probe=_eviction,
    ),
    Row(
        id="redis-version",
        part=Part.REDIS,
        symptom="Redis version needs to be greater or equal than …",
        cause="Redis is older than the queue needs",
        detected="INFO server against the release's floor",
        fix="{newer_redis}",
        probe=_version,
    ),
    Row(
        id="redis-persistence",
        part=Part.REDIS,
        symptom="jobs are gone after Redis restarted; MISCONF Errors writing to the AOF file",
        cause="Redis does not write its jobs to disk, or cannot",
        detected="aof_enabled and aof_last_write_status of INFO",
        fix="{redis CONFIG SET appendonly yes}, then `make up`",
        probe=_persistence,
    ),
    Row(
        id="redis-queue",
        part=Part.REDIS,
        symptom="traces are accepted and appear late or never; Redis grows",
        cause="the worker is down or too slow",
        detected="waiting jobs of both ingestion queues, trouble above 1000",
        fix="`make status`, then {restart langfuse-worker}: it takes up where it stopped",
        probe=_queue,
    ),
    Row(
        id="jobs-failed",
        part=Part.REDIS,
        symptom="Queue job … failed; traces that were accepted never appear",
        cause="jobs failed more often than they are tried: a store was away or refused for longer than about 155 "
        "seconds. Nobody tries them again; the raw events are in the bucket",
        detected="failed jobs of every queue, but for those of deletions, and the reason of the newest",
        fix="mend what the reason says, then `python -m ops replay --failed --apply`",
        probe=_failed,
    ),
    Row(
        id="langfuse-deletions",
        part=Part.REDIS,
        symptom="a trace, score or project that was deleted in Langfuse is still there: Not enough privileges",
        cause="Langfuse answers 200 at once and deletes later; while `langfuse:deletions` is false the stores refuse. "
        "No row is lost and no raw event is hidden; Langfuse tries again every 10 minutes",
        detected="failed jobs of the queues of deletions, and the reason of the newest",
        fix="decide: `pulumi config set langfuse:deletions true`, then `make up`, deletes all that was ever asked for; "
        "with `false` all of it stays. `python -m ops undelete` shows raw events that an earlier version let be hidden",
        probe=_deletions,
    ),
)

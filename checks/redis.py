"""Proof that Redis keeps every queued job: authenticated, recent enough, and evicting nothing."""

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from checks.base import (
    KNOWN_IDENTITY,
    CheckFailedError,
    CheckProvider,
    CheckResource,
    Evidence,
    Identity,
    Inputs,
    assert_same_store,
    first_line,
)

if TYPE_CHECKING:
    from redis import Redis

TIMEOUT_SECONDS = 5
IDENTITY_KEY = "langfuse-stack:identity"
"""Tells this queue from any other."""


def client(
    address: str, password: str | None, *, user: str | None = None, tls: bool = False, database: int = 0
) -> "Redis":
    """A client of the server at `address` (`host:port`) with bounded time-outs.

    Args:
        address: of the server.
        password: None to come as a stranger.
        user: None for the default user.
        tls: whether the server wants it. The name in its certificate is not compared, since a tunnel has another.
        database: number of the database in which the queues are.
    """
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    known = arguments(address, password, user=user, tls=tls, database=database)
    return Redis(**known, retry=Retry(NoBackoff(), 0))


def arguments(
    address: str, password: str | None, *, user: str | None = None, tls: bool = False, database: int = 0
) -> dict[str, Any]:
    """What a client of either kind, blocking or not, is made with; see `client`."""
    host, _, port = address.rpartition(":")
    return {
        "host": host,
        "port": int(port),
        "username": user,
        "password": password,
        "db": database,
        "ssl": tls,
        "ssl_check_hostname": False,
        "socket_timeout": TIMEOUT_SECONDS,
        "socket_connect_timeout": TIMEOUT_SECONDS,
        "decode_responses": True,
    }


class RedisProvider(CheckProvider):
    """See `RedisGate`."""

    label = "gate redis"
    libraries = ("redis",)
    secrets = ("password",)
    keys = ("address", "user", "password", "tls", "floor", "watch")

    def probe(self, inputs: Inputs) -> Evidence:
        from redis.exceptions import AuthenticationError, RedisError

        address = inputs["address"]
        try:
            tls = bool(inputs["tls"])
            with client(address, inputs["password"], user=inputs["user"], tls=tls) as server:
                info: dict[str, Any] = server.info()
                # Managed servers forbid CONFIG and say it here.
                policy = str(info.get("maxmemory_policy") or "") or _configured_policy(server)
        except AuthenticationError:
            raise CheckFailedError(
                f"AUTH at {address}",
                "WRONGPASS",
                "the server runs with another password than the stack's `redis-password`: run `make up`",
                final=True,
            ) from None
        except RedisError as error:
            open_to_all = str(error).startswith("DENIED")
            fix = "set requirepass in redis.conf: the server has no password" if open_to_all else "see the Redis log"
            raise CheckFailedError(f"INFO at {address}", first_line(error), fix, final=open_to_all) from None
        _closed_to_strangers(address, tls=tls)
        version = str(info["redis_version"])
        floor = tuple(int(part) for part in inputs["floor"])
        if tuple(int(part) for part in version.split(".")[:2]) < floor:
            wanted = ".".join(str(part) for part in floor)
            raise CheckFailedError("INFO server", version, f"set redis:image to {wanted} or newer", final=True)
        if policy != "noeviction":
            raise CheckFailedError(
                "CONFIG GET maxmemory-policy",
                policy,
                "set maxmemory-policy noeviction, or give Langfuse its own Redis: any other policy drops queued traces",
                final=True,
            )
        identity = _identity(inputs)
        return {
            "version": version,
            "maxmemory_policy": policy,
            "aof": bool(info.get("aof_enabled")),
            "identity": identity,
        }


class RedisGate(CheckResource, module="checks", name="Redis"):
    """Redis takes the password, refuses others, is recent enough, never evicts, and holds the same queue as before.

    Args:
        inputs: `address` (`host:port`), `user`, `password` (secret), `tls`, `db` (number of the queues' database;
            absent for 0), `floor` (major, minor), `watch`.
    """

    provider = RedisProvider


def _configured_policy(server: "Redis") -> str:
    return str(server.config_get("maxmemory-policy")["maxmemory-policy"])


def _identity(inputs: Inputs) -> Identity:
    """The queue's mark; made when this queue was never seen before, and never put into one that lost it."""
    from redis.exceptions import RedisError

    address, known = inputs["address"], inputs[KNOWN_IDENTITY]
    try:
        with client(address, inputs["password"], user=inputs["user"], tls=bool(inputs["tls"])) as server:
            if known is None:
                server.set(IDENTITY_KEY, str(uuid4()), nx=True)
            mark = server.get(IDENTITY_KEY)
    except RedisError as error:
        raise CheckFailedError(f"GET {IDENTITY_KEY} at {address}", first_line(error), "see the Redis log") from None
    identity = {"Redis": str(mark)} if mark else {}
    assert_same_store(known, identity)
    return identity


def _closed_to_strangers(address: str, *, tls: bool) -> None:
    from redis.exceptions import AuthenticationError, RedisError

    for what, password in (("without a password", None), ("with a wrong password", "not-the-password")):
        try:
            with client(address, password, tls=tls) as stranger:
                stranger.ping()
        except AuthenticationError:
            continue
        except RedisError as error:
            raise CheckFailedError(f"PING {what}", first_line(error), "Redis must answer NOAUTH or WRONGPASS") from None
        raise CheckFailedError(f"PING {what}", "accepted", "set requirepass in redis.conf", final=True)

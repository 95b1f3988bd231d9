"""Addresses of servers: one parser for each kind, and one renderer for each client that reads them.

Langfuse reads a Postgres URL with Prisma and a Redis URL with ioredis. The gates and the operator commands use libpq
and redis-py, and so does LiteLLM. The clients know different parameters, and some mean different things by one name;
what cannot mean the same to both is refused by its name. Messages never show a value.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from ipaddress import ip_address
from typing import Literal, TypeVar
from urllib.parse import quote, unquote, urlsplit

POSTGRES_PORT, REDIS_PORT = 5432, 6379
CLICKHOUSE_PORTS = {"http": 8123, "https": 8443}
NATIVE_PORT, NATIVE_TLS_PORT = 9000, 9440
TRANSACTION_POOLER_PORT = 6543
UNRESERVED = "-._~"
RESERVED = frozenset(":/?#[]@ \\\"'<>^`{|}")
Tls = Literal["disable", "prefer", "require", "verify-full"]
Parameters = tuple[tuple[str, str], ...]

PRISMA_ONLY = frozenset(
    {
        "schema",
        "pgbouncer",
        "connection_limit",
        "pool_timeout",
        "socket_timeout",
        "statement_cache_size",
        "single_use_connections",
        "max_connection_lifetime",
        "max_idle_connection_lifetime",
    }
)
"""Parameters that Prisma reads and libpq does not know (Prisma's reference of PostgreSQL URLs)."""
TLS_PARAMETERS = frozenset({"sslmode", "sslaccept", "ssl", "sslrootcert"})
PLACES = frozenset({"host", "hostaddr", "port", "user", "password", "dbname", "service", "passfile"})
CLIENT_CERTIFICATES = frozenset({"sslcert", "sslkey", "sslpassword", "sslidentity"})
SPELLINGS: Mapping[str, Tls] = {
    "disable": "disable",
    "allow": "prefer",
    "prefer": "prefer",
    "require": "require",
    "no-verify": "require",
    "verify-full": "verify-full",
}
"""`sslmode` as libpq, node-postgres and Prisma spell it, to what it means."""
PRISMA_TLS: Mapping[Tls, Parameters] = {
    "disable": (("sslmode", "disable"),),
    "prefer": (("sslmode", "prefer"),),
    "require": (("sslmode", "require"),),
    "verify-full": (("sslmode", "require"), ("sslaccept", "strict")),
}
SYSTEM = "system"
LIBPQ_TLS: Mapping[Tls | None, Parameters] = {
    "disable": (("sslmode", "disable"),),
    "prefer": (("sslmode", "prefer"),),
    "require": (("sslmode", "require"),),
    "verify-full": (("sslmode", "verify-full"), ("sslrootcert", SYSTEM)),
}


class UrlError(ValueError):
    """A URL cannot be used. The message names what is wrong with it and never shows a value."""


@dataclass(frozen=True)
class ServerUrl:
    """What the URLs of all servers have. Nothing here is percent-encoded."""

    scheme: str
    user: str
    password: str = field(repr=False)
    host: str
    port: int
    path: str
    """What follows the port, without the slash: the name or number of a database."""
    parameters: Parameters = ()

    def rendered(self, parameters: Iterable[tuple[str, str]]) -> str:
        """The URL with these parameters, percent-encoded."""
        login = f"{_quoted(self.user)}:{_quoted(self.password)}@" if self.user or self.password else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        path = f"/{_quoted(self.path)}" if self.path else ""
        query = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in parameters)
        return f"{self.scheme}://{login}{host}:{self.port}{path}{f'?{query}' if query else ''}"


@dataclass(frozen=True)
class PostgresUrl(ServerUrl):
    """One way into a Postgres database."""

    tls: Tls | None = None
    """`None` where the URL leaves it to the client."""

    def parameter(self, name: str) -> str | None:
        """The value of a parameter; `None` if it is absent."""
        return dict(self.parameters).get(name)

    def defaulting(self, **parameters: str) -> "PostgresUrl":
        """This URL with `parameters` where it has none of that name."""
        added = [(name, value) for name, value in parameters.items() if self.parameter(name) is None]
        return replace(self, parameters=(*self.parameters, *added))

    def setting(self, **parameters: str) -> "PostgresUrl":
        """This URL with `parameters` in place of its own."""
        kept = [pair for pair in self.parameters if pair[0] not in parameters]
        return replace(self, parameters=(*kept, *parameters.items()))

    def tenant(self, other: "PostgresUrl") -> str:
        """What a shared pooler tells its tenants apart by: the part of the user's name after its last dot.

        A dot alone says nothing, since a role may have one. It separates a tenant on Supabase's own poolers, and where
        `other`, another way into the same database, has the same user without it.
        """
        user, _, tenant = self.user.rpartition(".")
        shared = self.host.endswith(".pooler.supabase.com") or other.user == user
        return tenant if user and shared else ""

    def prisma(self) -> str:
        """The URL as Langfuse reads it."""
        return self.rendered([*(PRISMA_TLS[self.tls] if self.tls else ()), *self.parameters])

    def libpq(self, authorities: str = SYSTEM) -> str:
        """The URL as psycopg and Postgres' own tools read it.

        Args:
            authorities: file of those that are believed; tools before release 16 read `system` as a file's name.
        """
        tls = [(name, authorities if value == SYSTEM else value) for name, value in LIBPQ_TLS.get(self.tls, ())]
        known = [pair for pair in self.parameters if pair[0] in _libpq_parameters()]
        return self.rendered([*tls, *known])


@dataclass(frozen=True)
class RedisUrl(ServerUrl):
    """One way into a Redis server."""

    @property
    def tls(self) -> bool:
        """Whether the server is spoken to over TLS."""
        return self.scheme == "rediss"

    @property
    def database(self) -> int:
        """Number of the database."""
        return int(self.path or 0)

    def ioredis(self) -> str:
        """The URL as Langfuse reads it: without the parameters of redis-py."""
        return self.rendered(pair for pair in self.parameters if pair[0] not in _redis_py_parameters())

    def redis_py(self) -> str:
        """The URL as LiteLLM reads it: with the parameters of redis-py alone, which refuses those that it lacks."""
        return self.rendered(pair for pair in self.parameters if pair[0] in _redis_py_parameters())


@dataclass(frozen=True)
class ClickHouseUrl(ServerUrl):
    """A ClickHouse server and the login to it."""

    @property
    def tls(self) -> bool:
        """Whether it is spoken to over TLS."""
        return self.scheme == "https"

    @property
    def native(self) -> "NativeUrl":
        """Where the same server usually speaks the native protocol."""
        return NativeUrl(self.host, NATIVE_TLS_PORT if self.tls else NATIVE_PORT, self.tls)


@dataclass(frozen=True)
class NativeUrl:
    """Where a ClickHouse server speaks its native protocol, which migrations use."""

    host: str
    port: int
    tls: bool


def http_url(endpoint: str) -> str:
    """The URL of an endpoint: one without a scheme is `host:port` of a server that speaks plain HTTP."""
    return endpoint if "://" in endpoint else f"http://{endpoint}"


def is_raw_in_query(value: str) -> bool:
    """Whether a value that is put into a query as it is comes out as it went in."""
    return value.isprintable() and value.isascii() and not set(value) & set("%&+#; ")


def clickhouse_url(text: str) -> ClickHouseUrl:
    """The URL of a ClickHouse server, with a login.

    Raises:
        UrlError: it is none, or names what is set elsewhere.
    """
    url = _parsed(ClickHouseUrl, text, tuple(CLICKHOUSE_PORTS), CLICKHOUSE_PORTS.get(text.partition("://")[0], 0))
    if not url.user or not url.password:
        raise UrlError("must be https://USER:PASSWORD@HOST:8443")
    if url.path or url.parameters:
        raise UrlError("ends with the port: clickhouse:database names the database, and there are no parameters")
    if not is_raw_in_query(url.password):
        raise UrlError("has a password with one of % & + # ; which Langfuse's migrations cannot use: change it there")
    return url


def native_url(text: str) -> NativeUrl:
    """The URL of a ClickHouse server's native protocol; its login is the one of `clickhouse_url`.

    Raises:
        UrlError: it is none, or has a parameter that migrations do not read.
    """
    url = _parsed(ClickHouseUrl, text, ("clickhouse",), 0)
    parameters = dict(url.parameters)
    if set(parameters) - {"secure", "skip_verify"}:
        raise UrlError("may have the parameters secure and skip_verify, and no other")
    secure = parameters.get("secure", "true" if url.port in {0, NATIVE_TLS_PORT} else "false")
    if url.port in CLICKHOUSE_PORTS.values():
        raise UrlError(f"names port {url.port}, which speaks HTTP: migrations use the native one, 9440 or 9000")
    tls = secure == "true"
    return NativeUrl(url.host, url.port or (NATIVE_TLS_PORT if tls else NATIVE_PORT), tls)


def postgres_url(text: str) -> PostgresUrl:
    """A Postgres URL with a user and a database.

    Raises:
        UrlError: it is none, or has a parameter that cannot mean the same to all of its readers.
    """
    url = _parsed(PostgresUrl, text, ("postgres", "postgresql"), POSTGRES_PORT)
    if not url.user or not url.path:
        raise UrlError("must be postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
    if "/" in url.path:
        raise UrlError("the name of the database has a slash: percent-encode the password")
    for name, _ in url.parameters:
        _require_known(name)
    own = tuple(pair for pair in url.parameters if pair[0] not in TLS_PARAMETERS)
    return replace(url, parameters=own, tls=_tls(dict(url.parameters)))


def redis_url(text: str) -> RedisUrl:
    """A Redis URL with a password.

    Raises:
        UrlError: it is none, or has no password.
    """
    if "sentinel" in text.partition("://")[0]:
        raise UrlError("names Redis Sentinel, which this stack does not speak: name the primary server itself")
    url = _parsed(RedisUrl, text, ("redis", "rediss"), REDIS_PORT)
    if not url.password:
        raise UrlError("must be redis://:PASSWORD@HOST:PORT, or rediss:// for TLS")
    if url.path and not (url.path.isascii() and url.path.isdigit()):
        raise UrlError("what follows the port must be the number of a database")
    return url


def is_loopback(host: str) -> bool:
    """Whether a host is whoever asks for it."""
    name = host.strip("[]").rstrip(".").lower()
    try:
        address = ip_address(name)
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def without_password(text: str) -> str:
    """A URL with `…` for its password."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return "a URL that cannot be parsed"
    login, at, place = parts.netloc.rpartition("@")
    user, colon, _ = login.partition(":")
    return parts._replace(netloc=f"{user}{colon and ':…'}{at}{place}").geturl()


U = TypeVar("U", bound=ServerUrl)


def _parsed(kind: type[U], text: str, schemes: tuple[str, ...], default_port: int) -> U:
    if any(character.isspace() or not character.isprintable() for character in text):
        raise UrlError("has a space or a line break: percent-encode the password")
    if "#" in text:
        raise UrlError("has a #: percent-encode the password")
    scheme, _, rest = text.partition("://")
    if scheme not in schemes or not rest:
        raise UrlError(f"must start with {' or '.join(f'{scheme}://' for scheme in schemes)} and name a host")
    place = rest.partition("/")[0].partition("?")[0].rpartition("@")[2]
    _require_one_host(place)
    try:
        parts = urlsplit(text)
        port, host = parts.port or default_port, parts.hostname
    except ValueError:
        raise UrlError("host or port cannot be read: percent-encode the password") from None
    if not host:
        raise UrlError("names no host")
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    if not (_encoded(user) and _encoded(password)):
        raise UrlError("user and password must be percent-encoded")
    pairs = [part.partition("=") for part in parts.query.split("&") if part]
    parameters = tuple((unquote(name), unquote(value)) for name, _, value in pairs)
    return kind(scheme, unquote(user), unquote(password), unquote(host), port, unquote(parts.path[1:]), parameters)


def _require_one_host(place: str) -> None:
    if "," in place:
        raise UrlError("names several hosts: name one, the primary, since Langfuse connects to one server only")
    if place.count(":") > 1 and not place.startswith("["):
        raise UrlError("has an IPv6 address without brackets: write it as [2001:db8::1]:5432")


def _require_known(name: str) -> None:
    if name in PLACES:
        raise UrlError(f"the parameter {name} is not supported: put the value into the URL itself, before the ?")
    if name in CLIENT_CERTIFICATES:
        raise UrlError(
            f"the parameter {name} names a client certificate, which Langfuse and the gates read in different forms: "
            "log in with a password"
        )
    if name not in PRISMA_ONLY | TLS_PARAMETERS | _libpq_parameters():
        shown = f"parameter {name}" if name.isidentifier() and name.isascii() and len(name) < 32 else "a parameter"  # noqa: PLR2004
        raise UrlError(f"has {shown} that neither Postgres nor Prisma knows: take it out of the URL")


def _tls(given: Mapping[str, str]) -> Tls | None:
    mode, accept, root = given.get("sslmode"), given.get("sslaccept"), given.get("sslrootcert")
    if mode is None and given.get("ssl") is not None:
        mode = "require" if given["ssl"].lower() in {"true", "1"} else "disable"
    if mode == "verify-ca":
        raise UrlError("sslmode=verify-ca has no equal in Prisma, which Langfuse uses: choose verify-full or require")
    if mode is not None and mode not in SPELLINGS:
        raise UrlError(f"sslmode must be one of {', '.join(SPELLINGS)}")
    tls = SPELLINGS[mode] if mode is not None else None
    if accept not in {None, "strict", "accept_invalid_certs"}:
        raise UrlError("sslaccept must be strict or accept_invalid_certs")
    if accept == "strict":
        if tls not in {"require", "verify-full"}:
            raise UrlError("sslaccept=strict needs sslmode=require: otherwise TLS may be left out")
        tls = "verify-full"
    elif accept and tls == "verify-full":
        raise UrlError("sslmode=verify-full and sslaccept=accept_invalid_certs contradict each other: drop one")
    if root is not None and (root != SYSTEM or tls != "verify-full"):
        raise UrlError(
            "sslrootcert names a file of this machine that Langfuse's containers do not have: name it in "
            "langfuse-stack:caBundle, and use sslmode=verify-full"
        )
    return tls


@cache
def _libpq_parameters() -> frozenset[str]:
    from psycopg import pq

    return frozenset(option.keyword.decode() for option in pq.Conninfo.get_defaults()) - PLACES - CLIENT_CERTIFICATES


@cache
def _redis_py_parameters() -> frozenset[str]:
    import inspect

    from redis.connection import URL_QUERY_ARGUMENT_PARSERS, AbstractConnection, Connection, SSLConnection

    classes = (AbstractConnection, Connection, SSLConnection)
    named = {name for kind in classes for name in inspect.signature(kind.__init__).parameters}
    return frozenset(named | set(URL_QUERY_ARGUMENT_PARSERS)) - {"self", "args", "kwargs"}


def _encoded(value: str) -> bool:
    """Whether `value` has no character that a reader of the URL could take for a separator."""
    pieces = value.split("%")
    escapes_complete = all(len(piece) > 1 and _is_hex(piece[:2]) for piece in pieces[1:])
    try:
        unquote(value, errors="strict")
    except UnicodeDecodeError:
        return False
    return escapes_complete and not set(value) & RESERVED


def _is_hex(text: str) -> bool:
    return all(digit in "0123456789abcdefABCDEF" for digit in text)


def _quoted(value: str) -> str:
    return quote(value, safe=UNRESERVED)

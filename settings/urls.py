"""URLs of other people's servers: taken apart, refused when Langfuse would misread them, and put together again."""

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

TRANSACTION_POOLER_PORT = 6543
UNRESERVED = "-._~"
POSTGRES_PORT, REDIS_PORT = 5432, 6379


class UrlError(ValueError):
    """A URL cannot be used; the message never shows any of it."""


@dataclass(frozen=True)
class ServerUrl:
    """One server, and as whom to enter it. Nothing here is percent-encoded."""

    scheme: str
    user: str
    password: str = field(repr=False)
    host: str
    port: int
    path: str
    """Name of the database, without the slash."""
    query: tuple[tuple[str, str], ...] = ()

    def text(self, **query: str) -> str:
        """The URL, percent-encoded, with `query` in place of its own parameters of the same names."""
        kept = [(name, value) for name, value in self.query if name not in query]
        parameters = urlencode([*kept, *query.items()])
        host = f"[{self.host}]" if ":" in self.host else self.host
        login = f"{_quoted(self.user)}:{_quoted(self.password)}"
        path = f"/{_quoted(self.path)}" if self.path else ""
        return f"{self.scheme}://{login}@{host}:{self.port}{path}{f'?{parameters}' if parameters else ''}"


def postgres_url(text: str) -> ServerUrl:
    """A Postgres URL with user, password, host and database.

    Raises:
        UrlError: it is none, or lacks one of them.
    """
    url = _taken_apart(text, ("postgres", "postgresql"), POSTGRES_PORT)
    if not url.user or not url.password or not url.path:
        raise UrlError("must be postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
    if "/" in url.path:
        raise UrlError("the name of the database has a slash: percent-encode the password")
    return url


def redis_url(text: str) -> ServerUrl:
    """A Redis URL with a password.

    Raises:
        UrlError: it is none, or has no password.
    """
    url = _taken_apart(text, ("redis", "rediss"), REDIS_PORT)
    if not url.password:
        raise UrlError("must be redis://:PASSWORD@HOST:PORT, or rediss:// for TLS")
    if url.path and not url.path.isdigit():
        raise UrlError("what follows the port must be the number of a database")
    return url


def _taken_apart(text: str, schemes: tuple[str, ...], default_port: int) -> ServerUrl:
    try:
        parts = urlsplit(text)
        port = parts.port or default_port
        host = parts.hostname
    except ValueError:
        raise UrlError("cannot be taken apart: percent-encode the password") from None
    if parts.scheme not in schemes or not host:
        raise UrlError(f"must start with {' or '.join(f'{scheme}://' for scheme in schemes)} and name a host")
    if parts.fragment or text.endswith("#"):
        raise UrlError("has a #: percent-encode the password")
    if any(character.isspace() or not character.isprintable() for character in text):
        raise UrlError("has a space or a line break: percent-encode the password")
    login = parts.netloc.rpartition("@")[0]
    user, _, password = login.partition(":")
    for value in (user, password):
        if not _encoded(value):
            raise UrlError("user and password must be percent-encoded")
    query = tuple(parse_qsl(parts.query, keep_blank_values=True))
    return ServerUrl(parts.scheme, unquote(user), unquote(password), host, port, unquote(parts.path[1:]), query)


def _encoded(value: str) -> bool:
    """Whether nothing is left in `value` that a URL's reader could take for a separator."""
    plain = value
    while "%" in plain:
        before, _, rest = plain.partition("%")
        if len(rest) < 2 or any(digit not in "0123456789abcdefABCDEF" for digit in rest[:2]):  # noqa: PLR2004
            return False
        plain = before + rest[2:]
    return not set(plain) & set(":/?#[]@ \\\"'<>^`{|}")


def _quoted(value: str) -> str:
    return quote(value, safe=UNRESERVED)

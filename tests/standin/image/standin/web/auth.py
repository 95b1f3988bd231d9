"""Who asks: Basic auth with a project's keys, looked up in Redis first and in Postgres then."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from standin.credentials import fast_hash, matches
from standin.stores.redis import patiently

if TYPE_CHECKING:
    from starlette.requests import Request

    from standin.web.context import Web

CACHE_SECONDS = 300
UNKNOWN = "api-key-non-existent"
NO_HEADER = "No authorization header"
BAD_HEADER = "Invalid authorization header"
BAD_CREDENTIALS = "Invalid credentials. Confirm that you've configured the correct host."


class AuthError(Exception):
    """The request is refused with this status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Caller:
    """The project whose keys were given."""

    key_id: str
    public_key: str
    project_id: str
    org_id: str
    full_access: bool = True


async def authenticate(web: Web, request: Request, *, scores_by_public_key: bool = False) -> Caller:
    """The caller, by secret key; or by public key alone where only scores are taken.

    Raises:
        AuthError: 401 for no or wrong keys, 403 for a public key alone where that is not enough.
        DatabaseUnavailableError: The key is not cached and Postgres is away.
        RedisUnavailableError: Redis stayed away.
    """
    header = request.headers.get("authorization")
    if not header:
        raise AuthError(401, NO_HEADER)
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return await _by_public_key(web, value, allowed=scores_by_public_key)
    if scheme.lower() != "basic":
        raise AuthError(401, BAD_HEADER)
    public_key, secret_key = _read_basic(value)
    hashed = fast_hash(secret_key, web.settings.salt)
    caller = await _cached(web, hashed)
    if caller is None:
        caller = await _looked_up(web, hashed, public_key, secret_key)
    if caller is None or caller.public_key != public_key:
        raise AuthError(401, BAD_CREDENTIALS)
    return caller


def _read_basic(value: str) -> tuple[str, str]:
    try:
        public_key, separator, secret_key = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise AuthError(401, BAD_HEADER) from None
    if not (separator and public_key and secret_key):
        raise AuthError(401, BAD_CREDENTIALS)
    return public_key, secret_key


async def _by_public_key(web: Web, public_key: str, *, allowed: bool) -> Caller:
    row = await web.postgres.one("api_key_by_public_key", {"public_key": public_key})
    if row is None:
        raise AuthError(401, BAD_CREDENTIALS)
    if not allowed:
        raise AuthError(403, "Access denied: use the secret key with Basic auth")
    return Caller(row["id"], row["public_key"], row["project_id"], row["org_id"], full_access=False)


def _cache_key(web: Web, hashed: str) -> str:
    return f"{web.settings.redis.key_prefix}api-key:{hashed}"


async def _cached(web: Web, hashed: str) -> Caller | None:
    content = await patiently(lambda: web.cache.get(_cache_key(web, hashed)))
    if content is None:
        return None
    if content == UNKNOWN:
        raise AuthError(401, BAD_CREDENTIALS)
    return Caller(**json.loads(content))


async def _looked_up(web: Web, hashed: str, public_key: str, secret_key: str) -> Caller | None:
    row = await web.postgres.one("api_key_by_fast_hash", {"hash": hashed})
    if row is None:
        row = await web.postgres.one("api_key_by_public_key", {"public_key": public_key})
        if row is not None and matches(secret_key, row["hashed_secret_key"]):
            await web.postgres.query("api_key_rehash", {"id": row["id"], "hash": hashed})
        else:
            row = None
    caller = Caller(row["id"], row["public_key"], row["project_id"], row["org_id"]) if row else None
    content = json.dumps(asdict(caller)) if caller else UNKNOWN
    await patiently(lambda: web.cache.set(_cache_key(web, hashed), content, ex=CACHE_SECONDS))
    return caller

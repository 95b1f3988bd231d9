"""A look into running services, whatever they run on."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

SECRET_NAME = re.compile(r"PASSWORD|SECRET|SALT|TOKEN|AUTH$|ENCRYPTION_KEY|MASTER_KEY|API_KEY|PUBLIC_KEY$")
MASK = "…"
UNKNOWN = "unknown"
MIGRATIONS = "/app/packages/shared/clickhouse/migrations/unclustered"
"""Folder in web's image."""
INSIDE = r"(?!\"(?:[,}\]\s]|$))\S"
"""A character of a URL, which may be in JSON without spaces."""
PARAMETER_SECRET = re.compile(
    rf"(?P<before>(?:password|passwd|secret|token)[\w-]{{0,40}}=)(?:\"[^\"]*\"|'[^']*'|(?!&)(?:(?!&){INSIDE})+)",
    re.IGNORECASE,
)
URL_SECRET = re.compile(rf"(?P<before>://[^:/\s]*:)(?:{INSIDE}){{1,512}}(?=@)")
"""Up to the last `@`: a password that was not escaped may hold one."""


class LookError(Exception):
    """A service cannot be looked into; the message says why.

    Args:
        why: in words.
        remedy: what would let it be looked into, with the placeholders of a fix; empty where `why` says it.
    """

    def __init__(self, why: str, remedy: str = "") -> None:
        super().__init__(why)
        self.remedy = remedy


@dataclass(frozen=True)
class Facts:
    """What is known of one service's instance without asking it anything."""

    service: str
    name: str
    state: str
    """`running`, `paused`, `restarting`, `exited`, `created`, …; `unknown` when the platform did not say."""
    health: str
    """`healthy`, `starting`, `unhealthy`, or `-` when nothing watches it."""
    image: str
    env: Mapping[str, str] = field(default_factory=dict)
    """What it was given beyond what its image brings."""
    unread: str = ""
    """Why it is not known what it was given, or anything; empty when it is."""
    secrets: frozenset[str] = frozenset()
    """Names in `env` that the platform keeps as secrets, where it tells them apart."""
    restarts: int = 0
    out_of_memory: bool = False
    memory_bytes: int = 0
    """What it may use; 0 where there is no limit, or the platform does not say."""


class Looks(Protocol):
    """What the doctor needs of a platform. Each call ends within seconds, or raises `LookError`."""

    def facts(self) -> Mapping[str, Sequence[Facts]]:
        """Every instance of every service, oldest first, by service."""

    def reach(self, service: str, targets: Sequence[str]) -> Mapping[str, str]:
        """Connects from a service's own network to each `host:port`; the answer is `ok`, or what went wrong."""

    def filesystem(self, service: str, path: str) -> str:
        """Type of the file system that holds `path`, as `stat -f` names it."""

    def log(self, service: str, seconds: float) -> bytes:
        """What a service wrote in the last `seconds`."""

    def migration(self, version: int) -> str | None:
        """Text of the ClickHouse migration that web's image ships as `version`, None where it ships none."""


def environment(looks: Looks, service: str) -> Mapping[str, str]:
    """What the (first) instance of a service was given.

    Raises:
        LookError: there is none, or it does not say.
    """
    found = looks.facts().get(service)
    if not found:
        raise LookError(f"there is no {service}", "`make up` makes it")
    if found[0].unread:
        raise LookError(found[0].unread)
    return found[0].env


def instances(looks: Looks, service: str) -> Sequence[Facts]:
    """Every instance of a service.

    Raises:
        LookError: the platform did not say.
    """
    found = looks.facts().get(service, ())
    for facts in found:
        if facts.state == UNKNOWN:
            raise LookError(facts.unread)
    return found


def filled(text: str) -> str:
    """`text` with a mask for every character of a password or a token in it: as long as before, and safe to cut."""
    for pattern in (PARAMETER_SECRET, URL_SECRET):
        text = pattern.sub(lambda found: found["before"] + MASK * (len(found[0]) - len(found["before"])), text)
    return text


def hidden(text: str) -> str:
    """`text` with one mask for each password or token in it, or for what is left of one in a text that was filled."""
    return re.sub(f"{MASK}+", MASK, filled(text))


def masked(env: Mapping[str, str], secrets: Collection[str] = ()) -> dict[str, str]:
    """An environment that may be shown: of a secret, only its length; of a URL, all but its passwords.

    Args:
        env: value by name.
        secrets: names that are known to be secret, whatever they look like.
    """
    shown: dict[str, str] = {}
    for name, value in sorted(env.items()):
        secret = name in secrets or (SECRET_NAME.search(name) and not _is_address(value))
        if secret and not URL_SECRET.search(value):
            shown[name] = f"{MASK} ({len(value)} characters)"
        else:
            shown[name] = hidden(value)
    return shown


def _is_address(value: str) -> bool:
    return value in {"true", "false"} or bool(urlsplit(value).scheme in {"http", "https"})

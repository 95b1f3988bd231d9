"""How a fix says what is done at a place: `{restart langfuse-web}` is another command on Docker than on Fly."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from ops.doctor.signatures import names
from platforms.choice import phrases
from platforms.phrases import Phrases

if TYPE_CHECKING:
    from settings import Settings

PLACEHOLDER = re.compile(r"\{(\w+)(?: ([^{}]*))?\}")


@dataclass(frozen=True, kw_only=True)
class Words(Phrases):
    """What stands for the placeholders of a fix."""

    external: Collection[str] = ()
    """Services that somebody else runs."""

    def filled(self, text: str, known: Mapping[str, str]) -> str:
        """`text` with all of its placeholders filled, `known` names first."""
        for name, value in {**unnamed(), **known}.items():
            text = text.replace(f"{{{name}}}", value)
        return PLACEHOLDER.sub(lambda found: self._said(found[1], found[2] or ""), text)

    def _said(self, verb: str, text: str) -> str:
        if text in self.external and verb in {"start", "restart", "log", "larger_disk"}:
            return f"the console of whoever runs {'the object store' if text == 'minio' else text}"
        services = {"clickhouse": "clickhouse", "psql": "postgres", "redis": "redis"}
        said = str(getattr(self, verb)).replace("{name}", self.name(services.get(verb, text)))
        return said.replace("{text}", text)


@cache
def unnamed() -> Mapping[str, str]:
    """What stands for a name that no message told: `<host>`."""
    return {name: f"<{name}>" for name in names()}


def of(settings: "Settings", stack: str) -> Words:
    """The words for the place where a stack runs.

    Args:
        settings: the stack's.
        stack: its name.
    """
    words = Words(**vars(phrases(settings, stack)), external=frozenset(settings.external))
    if "clickhouse" in settings.external:
        words = replace(words, clickhouse="`{text}` as the login of CLICKHOUSE_URL, in any client")
    if "postgres" in settings.external:
        words = replace(
            words,
            psql="`{text}` as the login of LANGFUSE_DIRECT_URL, in psql or the service's own SQL editor",
            newer_postgres="put its URLs into the vault (`LANGFUSE_DIRECT_URL`, `LANGFUSE_DATABASE_URL`), then "
            "`make up`",
            postgres_login="see that the server runs, and that `LANGFUSE_DIRECT_URL` and `LANGFUSE_DATABASE_URL` in "
            "the vault log in; `python -m ops rotate langfuse-role-password` gives Langfuse's role a new password; "
            "never recreate the database",
        )
    if "redis" in settings.external:
        words = replace(
            words,
            redis="`redis-cli {text}` at the server of `REDIS_URL`, or the setting for it where that server is managed",
            newer_redis="a newer server, by `REDIS_URL` in the vault, then `make up`",
            redis_ipv6="add `?family=6` to `REDIS_URL` in the vault",
            redis_login="put the login that the server takes into `REDIS_URL` in the vault, then `make up`",
        )
    return words

"""How a fix says what is done at a place: `{restart langfuse-web}` is another command on Docker than on Fly."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from ops.doctor.signatures import names

if TYPE_CHECKING:
    from settings import Settings

PLACEHOLDER = re.compile(r"\{(\w+)(?: ([^{}]*))?\}")
ANY = "<service>"
"""Stands for a service in a text that is about any of them."""


@dataclass(frozen=True)
class Words:
    """What stands for the placeholders of a fix.

    In each, `{name}` is what the service is called at this place, `{text}` what the placeholder says.
    """

    name: Callable[[str], str]
    """Service to container or app."""
    running: str
    """What services are, in the plural."""
    up: str
    """How a service comes to have what the stack's settings say."""
    restart: str
    start: str
    log: str
    explain: str
    """How the doctor is given the log of a service."""
    clickhouse: str
    """How a query is asked, as the operator; without `"`."""
    psql: str
    """How a statement is run in Postgres, as its owner; without `"`."""
    redis: str
    """How Redis is told something."""
    more_memory: str
    larger_disk: str
    """For a store."""
    newer_postgres: str
    newer_redis: str
    redis_ipv6: str
    """How Langfuse is told to ask for such addresses of Redis."""
    redis_login: str
    """How Redis and the stack come to have the same password."""
    postgres_login: str
    """The same for Postgres."""
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


def on_docker(instance: str) -> Words:
    """A stack whose services are containers of this machine."""
    return Words(
        name=lambda service: f"{instance}-{service}",
        running="containers",
        up="`make up`",
        restart="`docker restart {name}`",
        start="`python -m ops start {text}`",
        log="`docker logs {name}`",
        explain="`docker logs {name} 2>&1 | python -m ops doctor -`",
        clickhouse='`docker exec {name} clickhouse-client -q "{text}"`',
        psql='`docker exec {name} psql -U postgres -c "{text}"`',
        redis="`docker exec {name} redis-cli {text}`",
        more_memory="a higher limit in langfuse-stack:memoryMb, or a machine with more memory",
        larger_disk="give Docker's data folder a larger disk",
        newer_postgres="`pulumi config set postgres:image <newer>` and `make up`",
        newer_redis="`pulumi config set redis:image <newer>`, then `make up`",
        redis_ipv6="give Redis an IPv4 address, or move to release 4 (`python -m ops upgrade`), which asks for both",
        redis_login="`make up` starts Redis with the stack's password; the volume stays",
        postgres_login="`make up` starts Postgres and sets the role's password; never recreate the database",
    )


def on_fly(app: Callable[[str], str], stack: str) -> Words:
    """A stack whose services are apps.

    Args:
        app: service to app.
        stack: its name.
    """
    inside = '`fly ssh console -a {name} -C "'
    return replace(
        on_docker(""),
        name=lambda service: "APP" if service == ANY else app(service),
        running="machines",
        up="`make up`; what was changed at Fly itself (`fly releases -a {name}`) it does not see: take that back there",
        restart="`fly apps restart {name}`",
        log="`fly logs --no-tail -a {name}`",
        explain=f"`fly logs --no-tail -a {{name}} | python -m ops doctor - --stack {stack}`",
        clickhouse=rf'{inside}clickhouse-client -q \"{{text}}\""`',
        psql=rf'{inside}psql -U postgres -c \"{{text}}\""`',
        redis=f'{inside}redis-cli {{text}}"`',
        more_memory="a machine with more memory (`fly:machines`)",
        larger_disk="`pulumi config set {text}:volumeGb <more>`, then `make up`, which extends the volume",
    )


def of(settings: "Settings", stack: str) -> Words:
    """The words for the place where a stack runs.

    Args:
        settings: the stack's.
        stack: its name.
    """
    places: Mapping[str, Callable[[], Words]] = {
        "docker": lambda: on_docker(settings.stack.instance),
        "fly": lambda: on_fly(settings.fly_app, stack),
    }
    words = replace(places[settings.stack.platform](), external=frozenset(settings.external))
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

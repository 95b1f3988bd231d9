"""How an operator is told what to do where a stack runs."""

from collections.abc import Callable
from dataclasses import dataclass

ANY = "<service>"
"""Stands for a service in a text that is about any of them."""


@dataclass(frozen=True, kw_only=True)
class Phrases:
    """Commands and the like. In each, `{name}` is what the service is called there, `{text}` what is asked of it."""

    name: Callable[[str], str]
    """Service to container or app."""
    running: str
    """What services are, in the plural."""
    up: str
    """How a service comes to have what the stack's settings say."""
    restart: str
    start: str = "`python -m ops start {text}`"
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
    newer_postgres: str = "`pulumi config set postgres:image <newer>` and `make up`"
    newer_redis: str = "`pulumi config set redis:image <newer>`, then `make up`"
    redis_ipv6: str = "give Redis an IPv4 address, or move to release 4 (`python -m ops upgrade`), which asks for both"
    """How Langfuse is told to ask for such addresses of Redis."""
    redis_login: str = "`make up` starts Redis with the stack's password; the volume stays"
    """How Redis and the stack come to have the same password."""
    postgres_login: str = "`make up` starts Postgres and sets the role's password; never recreate the database"
    """The same for Postgres."""

"""Follows one call through the whole stack, hop by hop."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from checks import redis, tunnels
from checks.base import CheckFailedError, until_healthy
from checks.clickhouse_login import Login
from checks.relay import Relay
from checks.s3 import S3
from checks.trace import (
    BULL,
    SMOKE_MODEL,
    Gateway,
    PublicApi,
    clickhouse_rows,
    exported_object,
    new_user_id,
    stored_object,
    taken_jobs,
    trace_id_of,
)
from ops.session import OpsError, Session
from ops.state import State, read_state

Found = TypeVar("Found")
Passed = tuple[str, Callable[[], object]]
"""Name of a hop, and what looks at it."""
GATES = ("clickhouse-gate", "minio-gate", "redis-gate", "relay-gate", "end-to-end-proof")
"""Whose inputs say where everything is."""
OBJECT = "object in the bucket"
"""The hop that a store entered by a role shows to the containers alone."""


@dataclass(frozen=True)
class Hop:
    """One proven step of the way."""

    name: str
    seen: str
    milliseconds: float
    """Since the gateway answered; for the gateway itself, how long its answer took."""


@dataclass(frozen=True)
class Way:
    """Everything that a trace passes in Langfuse."""

    api: PublicApi
    login: Login
    traces_table: str
    read_path: str
    """Of the public API, by `{trace_id}`."""
    store: S3
    bucket: str
    project_id: str
    redis_address: str
    redis_password: str
    redis_user: str
    redis_tls: bool
    redis_database: int
    queue_prefix: str
    """First part of the queue's keys."""


@dataclass(frozen=True)
class Access(Way):
    """Everything the smoke test talks to."""

    gateway: Gateway
    relay: Relay | None = None
    """None: the gateway sends to web."""
    tracing: bool = True
    """False: the gateway does not send to Langfuse, so its answer is the only hop."""


class BrokenHopError(Exception):
    """The trace did not get past `hop`.

    Args:
        hop: name of the first hop that was not proven.
        failure: what was seen there.
        causes: services that do not answer as they must, which is why the trace got stuck.
    """

    def __init__(self, hop: str, failure: CheckFailedError, causes: list[CheckFailedError]) -> None:
        super().__init__(f"broken at: {hop}\n  {failure}")
        self.hop, self.failure, self.causes = hop, failure, causes


@contextmanager
def access(session: Session, state: State | None = None, *, partly: bool = False) -> Iterator[Access]:
    """Addresses and keys of a stack that is up, with the way there open.

    Args:
        session: the stack.
        state: its state, if it was read already.
        partly: do with the ways that open; a stopped service has none.

    Raises:
        OpsError: it is not up, or there is no way.
    """
    known = state or read_state(session, show_secrets=True)
    # Without tracing only the gateway is called, and the rest may be down: that is why it was switched off.
    gates = GATES if partly or session.settings.gateway.tracing else GATES[-1:]
    try:
        with tunnels.opened(known.tunnels(gates), partly=partly) as (there, _):
            yield _access(session, known, there)
    except tunnels.TunnelError as error:
        raise OpsError(str(error)) from None


def _access(session: Session, known: State, there: tunnels.Translation) -> Access:
    def output(gate: str, name: str) -> Any:
        return there(known.output(gate, name))

    def proof_input(name: str) -> Any:
        return output("end-to-end-proof", name)

    return Access(
        gateway=Gateway(proof_input("gateway_url"), proof_input("master_key")),
        api=PublicApi(
            proof_input("url"), proof_input("public_key"), proof_input("secret_key"), proof_input("find_path")
        ),
        login=Login(
            output("clickhouse-gate", "http_address"),
            output("clickhouse-gate", "user"),
            output("clickhouse-gate", "password"),
            output("clickhouse-gate", "database"),
        ),
        traces_table=session.settings.release.traces_table,
        read_path=session.settings.release.read_path,
        store=S3.of(there(known.outputs("minio-gate"))),
        bucket=output("minio-gate", "buckets")[0],
        project_id=session.settings.langfuse.project.id,
        redis_address=output("redis-gate", "address"),
        redis_password=output("redis-gate", "password"),
        redis_user=output("redis-gate", "user"),
        redis_tls=output("redis-gate", "tls"),
        redis_database=known.outputs("redis-gate").get("db", 0),
        queue_prefix=session.settings.redis.key_prefix or BULL,
        relay=Relay(
            output("relay-gate", "url"),
            output("relay-gate", "metrics_url"),
            output("relay-gate", "public_key"),
            output("relay-gate", "secret_key"),
        )
        if session.settings.gateway.relayed
        else None,
        tracing=session.settings.gateway.tracing,
    )


def smoke(to: Access, *, deadline_seconds: float = 30, on_hop: Callable[[Hop], None] = lambda _: None) -> list[Hop]:
    """Call the gateway's smoke model and follow the trace.

    Args:
        to: see `Access`.
        deadline_seconds: how long each hop may take.
        on_hop: called as soon as a hop is proven.

    Raises:
        BrokenHopError: names the first hop that is not proven in time.
    """
    user_id, since = new_user_id(), datetime.now(UTC)
    trail = _Trail(deadline_seconds, on_hop, lambda: causes(to))
    trail.hop(
        "gateway answer", lambda: to.gateway.call_smoke(user_id), lambda seen: f"model {SMOKE_MODEL} said {seen!r}"
    )
    if to.tracing and to.relay:
        trail.hop("relay", to.relay.takes, lambda held: f"{held.waiting} bytes wait for Langfuse")
    if to.tracing:
        _follow(to, user_id, since, trail)
    return trail.hops


def send(to: Way, *, deadline_seconds: float = 30) -> list[Hop]:
    """Send a trace to Langfuse as the gateway does, and follow it.

    Args:
        to: see `Way`.
        deadline_seconds: how long each hop may take.

    Raises:
        BrokenHopError: names the first hop that is not proven in time.
    """
    user_id, since = new_user_id(), datetime.now(UTC)
    trail = _Trail(deadline_seconds, lambda _: None, lambda: _refusals([to.api.keys_accepted, _login(to)]))
    trail.hop("taken by web", lambda: to.api.send_trace(user_id), lambda _: "over OTLP")
    _follow(to, user_id, since, trail)
    return trail.hops


class _Trail:
    """The hops that are proven so far.

    Args:
        deadline_seconds: how long each may take.
        on_hop: called as soon as one is proven.
        why: finds the services that do not answer, when one is not.
    """

    def __init__(
        self, deadline_seconds: float, on_hop: Callable[[Hop], None], why: Callable[[], list[CheckFailedError]]
    ) -> None:
        self._deadline_seconds, self._on_hop, self._why = deadline_seconds, on_hop, why
        self._started = time.monotonic()
        self.hops: list[Hop] = []

    def hop(
        self, name: str, probe: Callable[[], Found], describe: Callable[[Found], str], passed: Sequence[Passed] = ()
    ) -> Found:
        """Prove the next one; what was seen.

        Args:
            name: of the hop.
            probe: proves it.
            describe: turns what was seen into words.
            passed: hops that this one proves by itself, and that are looked at one by one when it does not.

        Raises:
            BrokenHopError: it cannot be proven; names the first of those that it would have passed, else itself.
        """
        try:
            seen: Found = until_healthy(probe, deadline_seconds=self._deadline_seconds)
        except CheckFailedError as failure:
            broken = next(filter(None, (_broken(*hop) for hop in passed)), (name, failure))
            raise BrokenHopError(*broken, self._why()) from None
        self.hops.append(Hop(name, describe(seen), (time.monotonic() - self._started) * 1000))
        self._on_hop(self.hops[-1])
        if len(self.hops) == 1:
            self._started = time.monotonic()
        return seen


def _broken(name: str, probe: Callable[[], object]) -> tuple[str, CheckFailedError] | None:
    try:
        probe()
    except CheckFailedError as failure:
        return name, failure
    return None


def _follow(to: Way, user_id: str, since: datetime, trail: _Trail) -> None:
    """The hops after the one that sent the trace.

    Rows prove what came before them, whatever else is in the bucket and the queues. Only when there are none is it
    looked at where the trace is.
    """
    trace_id, project, within = trace_id_of(user_id), to.project_id, to.store.prefix
    store = to.store.client() if to.store.access_key else None
    with redis.client(
        to.redis_address, to.redis_password, user=to.redis_user, tls=to.redis_tls, database=to.redis_database
    ) as queue:
        rows = trail.hop(
            "rows in ClickHouse",
            lambda: clickhouse_rows(to.login, to.traces_table, to.project_id, trace_id),
            lambda rows: f"{rows.count} in {to.login.database}.{to.traces_table}",
            passed=(
                *(
                    [
                        (
                            OBJECT,
                            lambda: exported_object(store, to.bucket, project, trace_id, since, prefix=within),
                        )
                    ]
                    if store
                    else []
                ),
                ("taken by the worker", lambda: taken_jobs(queue, to.queue_prefix, since)),
            ),
        )
    if store:
        trail.hop(
            OBJECT,
            lambda: stored_object(store, to.bucket, project, trace_id, rows.key, prefix=within),
            lambda key: f"{to.bucket}/…/{key[-17:]}",
        )
    trail.hop("read back by the API", lambda: to.api.read_trace(to.read_path, trace_id), lambda _: f"trace {trace_id}")


def causes(to: Access) -> list[CheckFailedError]:
    """Services that do not answer the stack's own keys at this moment."""
    by_relay = [to.relay.takes] if to.relay else []
    return _refusals([to.gateway.ready, *by_relay, to.api.keys_accepted, _login(to)])


def _login(to: Way) -> Callable[[], object]:
    return lambda: to.login.connect().close()


def _refusals(probes: Sequence[Callable[[], object]]) -> list[CheckFailedError]:
    found: list[CheckFailedError] = []
    for probe in probes:
        try:
            probe()
        except CheckFailedError as failure:
            found.append(failure)
    return found

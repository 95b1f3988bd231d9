"""Sends traces at a steady rate to where a stack's applications send them, and counts what became of each.

A sender as OpenTelemetry wants it: what was not acknowledged is sent again, as it was.
"""

import asyncio
import secrets
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx

from tests.e2e.stack import TestStack

TIMEOUT_SECONDS = 10
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1, 8
CONNECTIONS = 64
ROWS = (
    "SELECT {column:Identifier}, count() FROM {table:Identifier} FINAL "
    "WHERE startsWith({column:Identifier}, {prefix:String}) GROUP BY ALL"
)
LONG = 50 * 1200
"""More traces than are ever sent before the sender is told to end."""
GIVE_UP_SECONDS = 300
"""After the last trace: how long what is not acknowledged is still tried."""


def endpoint(outputs: Mapping[str, Any]) -> str:
    """Where applications send their traces: what `gateway_env` says, else web."""
    env = outputs["gateway_env"]
    return str(env.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or f"{outputs['langfuse_url']}/api/public/otel/v1/traces")


@dataclass
class Load:
    """Sends `count` traces of one span each, `rate` a second.

    Args:
        url: takes OTLP over HTTP.
        auth: the project's public and secret key.
        count: of the traces.
        rate: traces a second.
    """

    url: str
    auth: tuple[str, str] = field(repr=False)
    count: int
    rate: float
    prefix: str = field(default_factory=lambda: secrets.token_hex(8))
    """First half of each trace's id."""
    acknowledged: set[str] = field(default_factory=set, repr=False)
    sent: int = 0
    """Of which at least one attempt was made."""
    attempts: int = 0
    phases: dict[str, int] = field(default_factory=dict)
    """What happens to the stack meanwhile, to the number of the first trace from then on."""
    refusals: dict[str, int] = field(default_factory=dict)
    """What was said in place of an acknowledgement, and how often."""
    _over: threading.Event = field(default_factory=threading.Event)
    _enough: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    @classmethod
    def of(cls, stack: TestStack, count: int, rate: float = 50) -> Self:
        """To a stack that is up."""
        outputs = stack.outputs()
        keys = (outputs["langfuse_public_key"], outputs["langfuse_secret_key"])
        return cls(endpoint(outputs), keys, count, rate)

    def __enter__(self) -> Self:
        """Start sending."""
        self._thread = threading.Thread(target=lambda: asyncio.run(self._send_all()), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        """Wait until all is acknowledged or given up; after an error stop at once."""
        if kind:
            self._over.set()
        assert self._thread
        self._thread.join(timeout=self.count / self.rate + GIVE_UP_SECONDS)

    @property
    def runs(self) -> bool:
        """Whether there is still something to send."""
        return bool(self._thread and self._thread.is_alive())

    def end(self) -> None:
        """Start no more; what is not acknowledged is still tried."""
        self._enough.set()

    def stop(self) -> None:
        """Send no more, and give up what is not acknowledged."""
        self._over.set()

    def phase(self, name: str) -> None:
        """From now on this happens to the stack."""
        self.phases[name] = self.sent

    @property
    def seconds(self) -> float:
        """How long sending takes where nothing is in the way."""
        return self.count / self.rate

    def trace_id(self, number: int) -> str:
        """Of the trace of this number."""
        return f"{self.prefix}{number + 1:016x}"

    async def _send_all(self) -> None:
        # A connection each: a pool whose connections were lost with a killed server may hand out none any more.
        limits, slots = httpx.Limits(max_keepalive_connections=0), asyncio.Semaphore(CONNECTIONS)
        async with httpx.AsyncClient(auth=self.auth, timeout=TIMEOUT_SECONDS, limits=limits, trust_env=False) as client:
            started, sending = time.monotonic(), []
            for number in range(self.count):
                await asyncio.sleep(max(0, started + number / self.rate - time.monotonic()))
                if self._over.is_set() or self._enough.is_set():
                    break
                self.sent = number + 1
                sending.append(asyncio.create_task(self._send(client, slots, self.trace_id(number))))
            await asyncio.gather(*sending)

    async def _send(self, client: httpx.AsyncClient, slots: asyncio.Semaphore, trace_id: str) -> None:
        body, give_up = _request(trace_id), time.monotonic() + self.seconds + GIVE_UP_SECONDS
        pause = PAUSE_SECONDS
        while not self._over.is_set() and time.monotonic() < give_up:
            self.attempts += 1
            try:
                async with slots:
                    answer = await client.post(self.url, json=body)
                said = str(answer.status_code)
            except httpx.HTTPError as error:
                said = type(error).__name__
            if said == str(httpx.codes.OK.value):
                self.acknowledged.add(trace_id)
                return
            self.refusals[said] = self.refusals.get(said, 0) + 1
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


@dataclass(frozen=True)
class Stored:
    """Rows of a load in one table, as a reader sees them."""

    rows: int
    ids: int


@dataclass(frozen=True)
class Count:
    """What became of the traces of one phase."""

    sent: int
    acknowledged: int
    stored: int
    twice: int
    """Rows that a reader sees beside another of the same trace."""


def rows_by_trace(stack: TestStack, load: Load, table: str) -> Counter[str]:
    """How many rows a reader sees of each trace."""
    column = "id" if table == "traces" else "trace_id"
    found = query(stack, ROWS, table=table, column=column, prefix=load.prefix)
    return Counter({trace: int(rows) for trace, _, rows in (line.partition("\t") for line in found.splitlines())})


def stored(stack: TestStack, load: Load, table: str = "traces") -> Stored:
    """What ClickHouse has of a load."""
    found = rows_by_trace(stack, load, table)
    return Stored(found.total(), len(found))


def counted(stack: TestStack, load: Load, table: str = "traces") -> dict[str, Count]:
    """What became of the traces of each phase."""
    found, counts = rows_by_trace(stack, load, table), {}
    for (name, start), end in zip(load.phases.items(), [*load.phases.values(), load.sent][1:], strict=True):
        ids = {load.trace_id(number) for number in range(start, end)}
        there = {trace: found[trace] for trace in ids & found.keys()}
        twice = sum(there.values()) - len(there)
        counts[name] = Count(len(ids), len(ids & load.acknowledged), len(there), twice)
    return counts


def query(stack: TestStack, statement: str, **parameters: str) -> str:
    """Run a statement as the operator in the stack's ClickHouse; `{name:Type}` in it is a parameter."""
    script = 'exec clickhouse-client --user "$CLICKHOUSE_USER" --password "$CLICKHOUSE_PASSWORD" -d langfuse "$@"'
    given = [f"--param_{name}={value}" for name, value in parameters.items()]
    argv = ("sh", "-c", script, "sh", *given, "--query", statement)
    return stack.docker("exec", stack.container("clickhouse"), *argv)


def all_stored(stack: TestStack, load: Load, *, seconds: float = 120) -> bool:
    """Whether every acknowledged trace and its observation get into ClickHouse in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if all(load.acknowledged <= rows_by_trace(stack, load, table).keys() for table in ("traces", "observations")):
            return True
        time.sleep(2)
    return False


def _request(trace_id: str) -> dict[str, Any]:
    now = time.time_ns()
    span = {
        "traceId": trace_id,
        "spanId": trace_id[:8] + trace_id[24:],  # an observation of its own: another load counts from one, too
        "name": "load",
        "kind": 1,
        "startTimeUnixNano": str(now - 1_000_000),
        "endTimeUnixNano": str(now),
        "attributes": [{"key": "langfuse.trace.name", "value": {"stringValue": "load"}}],
    }
    return {
        "resourceSpans": [
            {"resource": {"attributes": []}, "scopeSpans": [{"scope": {"name": "load"}, "spans": [span]}]}
        ]
    }

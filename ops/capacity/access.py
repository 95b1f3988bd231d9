"""What capacity is measured of: where the stores of a stack that is up are, and the keys to them, as its state says."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from checks import tunnels
from checks.clickhouse_login import Login
from ops.capacity.queues import REDIS_GATE, Server, server_of
from ops.limits import Limits, limits
from ops.runtime import runtime_of
from ops.session import OpsError, Session
from ops.state import read_state
from platforms.facts import PlatformFacts
from platforms.spec import Memory

EVENT_TABLES: Mapping[str, Mapping[str, str]] = {
    "traces": {"traces": "timestamp", "observations": "start_time", "scores": "timestamp"},
    "events_full": {"events_full": "start_time", "scores": "timestamp"},
}
"""By the table in which a release makes traces visible: its tables of events, with the time that they are kept by."""
CLICKHOUSE, STORE, RELAY = "clickhouse-gate", "minio-app-key", "relay-gate"
"""Resources that know an address and a key."""
LOOPBACK = "127.0.0.1"
LOGIN = ("http_address", "admin_user", "admin_password", "database")
"""Outputs of ClickHouse's gate that make the operator's login."""
STORE_NOTE = "space of the object store: it is somebody else's, whose own console has it"


@dataclass(frozen=True)
class Access:
    """One stack."""

    platform: PlatformFacts
    operator: Login
    """The login that may read ClickHouse's own tables."""
    tables: Mapping[str, str]
    """Tables of events, each with the column of its time."""
    redis: Server
    store_address: str
    store_root: tuple[str, str] | None
    """User and password of the object store that may ask how full it is; None of somebody else's store."""
    containers: Callable[[], Sequence[Memory]]
    """Memory of what runs; raises `PlatformError`."""
    prometheus: str | None
    """Address of the one that remembers earlier measurements; `None` without monitoring."""
    limits: Limits
    """From where on something is a finding."""
    relay_metrics_url: str = ""
    """Empty where there is no relay so far."""
    one_machine: bool = False
    """Whether the stores may share a disk."""
    notes: Sequence[str] = ()
    """What is measured elsewhere, and where."""

    @property
    def secrets(self) -> list[str]:
        """Values that must not show."""
        root = self.store_root[1] if self.store_root else ""
        return [value for value in (self.operator.password, self.redis.password, root) if value]


@contextmanager
def access(session: Session) -> Iterator[Access]:
    """Access to the session's stack, with the way there open.

    Raises:
        OpsError: it was never put up, or there is no way.
    """
    if not session.exists():
        raise OpsError(f"there is no stack {session.stack}: `make up` makes one")
    state, settings = read_state(session, show_secrets=True), session.settings
    try:
        relay = [RELAY] if state.outputs(RELAY) else []
        with tunnels.opened(state.tunnels((CLICKHOUSE, REDIS_GATE, STORE, *relay))) as (there, _):
            elsewhere = "minio" in settings.external

            def output(resource: str, name: str) -> Any:
                return there(state.output(resource, name))

            yield Access(
                platform=settings.platform,
                operator=Login(*(output(CLICKHOUSE, name) for name in LOGIN)),
                tables=EVENT_TABLES[settings.release.traces_table],
                redis=server_of(state, there, settings),
                store_address=output(STORE, "endpoint"),
                store_root=None if elsewhere else (output(STORE, "root_user"), output(STORE, "root_password")),
                containers=runtime_of(session, state).memory,
                prometheus=f"{LOOPBACK}:{settings.monitoring.prometheus_port}" if settings.monitored else None,
                limits=limits(settings.monitoring.limits),
                relay_metrics_url=output(RELAY, "metrics_url") if relay else "",
                one_machine=not settings.platform.machine_per_service,
                notes=(*settings.platform.unmeasured, *((STORE_NOTE,) if elsewhere else ())),
            )
    except tunnels.TunnelError as error:
        raise OpsError(str(error)) from None

"""What a replay reads and writes of a stack that is up: its bucket, its databases, its queues."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from checks import bucket, tunnels
from checks.clickhouse_login import Login
from checks.postgres import connection
from ops.capacity.queues import REDIS_GATE, Server, server_of
from ops.replay.raw import Bucket
from ops.replay.rows import Rows
from ops.session import OpsError, RefusedError, Session
from ops.state import State, read_state

CLICKHOUSE, STORE, SCHEMA = "clickhouse-gate", "minio-gate", "langfuse-schema"
ANSWER_SECONDS = 300


@dataclass(frozen=True)
class Access:
    """One stack."""

    bucket: Bucket
    rows: Rows
    queues: Server
    release_4: bool
    """Whether traces are read from release 4's own table."""


@contextmanager
def queues_of(session: Session) -> Iterator[Server]:
    """The Redis of a stack's queues, with the way there open.

    Raises:
        OpsError: the stack was never put up, or there is no way.
    """
    with _opened(session, REDIS_GATE) as (state, there):
        yield server_of(state, there, session.settings)


@contextmanager
def access(session: Session) -> Iterator[Access]:
    """Everything, with the way there open.

    Raises:
        OpsError: the stack is not up, or there is no way.
    """
    with _opened(session, CLICKHOUSE, STORE, REDIS_GATE, SCHEMA) as (state, there):

        def output(gate: str, name: str) -> Any:
            return there(state.output(gate, name))

        login = Login(
            *(output(CLICKHOUSE, name) for name in ("http_address", "user", "password", "database")),
            answer_seconds=ANSWER_SECONDS,
        )
        store = bucket.client(*(output(STORE, name) for name in ("endpoint", "access_key", "secret_key")))
        with closing(login.connect()) as clickhouse, connection(output(SCHEMA, "admin_url"), "to compare") as postgres:
            yield Access(
                bucket=Bucket(store, output(STORE, "buckets")[0]),
                rows=Rows(clickhouse, login.database, postgres, output(SCHEMA, "schema")),
                queues=server_of(state, there, session.settings),
                release_4=session.settings.release.traces_table != "traces",
            )


@contextmanager
def _opened(session: Session, *gates: str) -> Iterator[tuple[State, tunnels.Translation]]:
    if not session.exists():
        raise RefusedError(f"there is no stack {session.stack}: `make up` makes one")
    state = read_state(session, show_secrets=True)
    try:
        with tunnels.opened(state.tunnels(gates)) as (there, _):
            yield state, there
    except tunnels.TunnelError as error:
        raise OpsError(str(error)) from None

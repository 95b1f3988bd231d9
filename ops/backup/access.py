"""Where the stores of a stack that is up are, and the keys to them, as its state says."""

from dataclasses import dataclass

from checks.clickhouse_login import Login
from ops import docker
from ops.backup import clickhouse, postgres
from ops.backup.store import Store, connect
from ops.session import OpsError, Session
from ops.state import read_state

POSTGRES, CLICKHOUSE = "postgres", "clickhouse"


@dataclass(frozen=True)
class Access:
    """Everything that is backed up, and where to."""

    stack: str
    langfuse: str
    """Version."""
    clickhouse: clickhouse.Server
    reader: Login
    """Langfuse's own ClickHouse user."""
    traces: str
    """Table of the traces."""
    postgres: postgres.Server
    schema: str
    store: Store
    containers: dict[str, str]
    """Service to container, where Docker runs them."""

    @property
    def database(self) -> str:
        """Langfuse's database in ClickHouse."""
        return self.clickhouse.login.database


def access(session: Session) -> Access:
    """Addresses and keys of a stack that is up.

    Raises:
        OpsError: it is not, or was put up by a version without backups.
    """
    state = read_state(session, show_secrets=True)
    settings = session.settings
    gate, key, schema = "clickhouse-gate", "minio-backup-key", "langfuse-schema"
    address, database = state.output(gate, "http_address"), state.output(gate, "database")
    containers = _containers(session) if settings.stack.platform == "docker" else {}
    return Access(
        stack=session.stack,
        langfuse=settings.langfuse_version,
        clickhouse=clickhouse.Server(
            Login(
                address,
                state.output(gate, "admin_user"),
                state.output(gate, "admin_password"),
                database,
                "clickhouse-admin-password",
            )
        ),
        reader=Login(address, state.output(gate, "user"), state.output(gate, "password"), database),
        traces=settings.release.traces_table,
        postgres=postgres.Server(state.output(schema, "admin_url"), containers.get(POSTGRES), session.variables),
        schema=state.output(schema, "schema"),
        store=Store(
            endpoint=state.output(key, "endpoint"),
            internal=state.output(key, "internal"),
            bucket=state.output(key, "bucket"),
            data=tuple(state.output(key, "data")),
            client=connect(
                state.output(key, "endpoint"), state.output(key, "access_key"), state.output(key, "secret_key")
            ),
        ),
        containers=containers,
    )


def _containers(session: Session) -> dict[str, str]:
    found = {entry.service: entry for entry in docker.containers(session)}
    for service in (CLICKHOUSE, POSTGRES, "minio"):
        if service not in found or found[service].state != "running":
            raise OpsError(f"{service} does not run: `make status` shows what is not up, `make up` starts it")
    return {service: entry.name for service, entry in found.items()}

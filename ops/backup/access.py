"""Where the stores of a stack that is up are, and the keys to them, as its state says."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from checks import tunnels
from checks.clickhouse_login import Login
from checks.s3 import ROLE, S3
from components.clickhouse_cluster import member
from ops.backup import clickhouse, postgres
from ops.backup.postgres import Server as PostgresServer
from ops.backup.store import Store, connect
from ops.runtime import docker_of
from ops.session import OpsError, RefusedError, Session
from ops.state import State, read_state
from platforms.docker.client import Docker
from settings import Settings, SettingsError, images

POSTGRES, CLICKHOUSE = "postgres", "clickhouse"
GATE, KEY, SCHEMA = "clickhouse-gate", "minio-backup-key", "langfuse-schema"
GATEWAY_SCHEMA = "gateway-schema"
APP_KEY, REDIS_GATE, WEB_GATE, PROOF = "minio-app-key", "redis-gate", "langfuse-web-gate", "end-to-end-proof"
CHECKS = (SCHEMA, APP_KEY, REDIS_GATE, WEB_GATE, PROOF)
"""By which another Langfuse with the same keys can be made, and proven."""


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
    """Service to container, where Docker runs them; ClickHouse, Postgres and MinIO run, others may be stopped."""
    checks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Check to what it was told when the stack was put up; one that was never made is not there."""
    gateway: PostgresServer | None = None
    """The gateway's database on the stack's Postgres; `None` where it has none there."""
    redis_image: str | None = None
    """Of a Redis of the stack's own, also where it has none."""

    @property
    def docker(self) -> Docker:
        """The Docker that `containers` are on."""
        return Docker(self.postgres.variables)

    @property
    def database(self) -> str:
        """Langfuse's database in ClickHouse."""
        return self.clickhouse.login.database


@contextmanager
def access(session: Session) -> Iterator[Access]:
    """Addresses and keys of a stack that is up, with the way there open.

    Raises:
        OpsError: it is not up, was put up by a version without backups, or there is no way.
    """
    if not session.exists():
        raise RefusedError(f"there is no stack {session.stack}: `make up` makes one")
    state = read_state(session, show_secrets=True)
    try:
        with tunnels.opened(state.tunnels((GATE, KEY, SCHEMA))) as (there, _):
            yield _access(session, state, there)
    except tunnels.TunnelError as error:
        raise OpsError(str(error)) from None


def _access(session: Session, state: State, there: tunnels.Translation) -> Access:
    def output(resource: str, name: str) -> Any:
        return there(state.output(resource, name))

    settings = session.settings
    address, database = output(GATE, "http_address"), output(GATE, "database")
    containers = _containers(session)
    return Access(
        stack=session.name,
        langfuse=settings.langfuse_version,
        clickhouse=clickhouse.Server(
            Login(
                address,
                output(GATE, "admin_user"),
                output(GATE, "admin_password"),
                database,
                "clickhouse-admin-password",
            ),
            settings.clickhouse.clustered,
        ),
        reader=Login(address, output(GATE, "user"), output(GATE, "password"), database),
        traces=settings.release.traces_table,
        postgres=postgres.Server(output(SCHEMA, "admin_url"), containers.get(POSTGRES), session.variables),
        schema=output(SCHEMA, "schema"),
        gateway=_gateway(state, output, containers.get(POSTGRES), session.variables),
        store=store_of(session.settings, state, there),
        containers=containers,
        checks={name: told for name in CHECKS if (told := state.outputs(name))},
        redis_image=_redis_image(session),
    )


@contextmanager
def backups(session: Session, state: State) -> Iterator[Store]:
    """The bucket of backups alone, with the way there open.

    Raises:
        OpsError: there is none, or no way to it.
    """
    try:
        with tunnels.opened(state.tunnels((KEY,))) as (there, _):
            yield store_of(session.settings, state, there)
    except tunnels.TunnelError as error:
        raise OpsError(str(error)) from None


def store_of(settings: Settings, state: State, there: tunnels.Translation) -> Store:
    """Where backups go, as the state says.

    Raises:
        RefusedError: there is no key to write them with, or ClickHouse does not reach the store.
    """
    known, foreign = state.outputs(KEY), settings.external
    entered = S3.of(there(known))
    if not entered.access_key:
        raise RefusedError(f"backups are written with a key of the object store, and s3:credentials is role: {ROLE}")
    if "clickhouse" in foreign and "minio" not in foreign:
        raise RefusedError(
            "ClickHouse is somebody else's and writes backups itself, and the stack's own object store is private: "
            "set s3:place external to a store that both reach, or use the backups of that ClickHouse"
        )
    return Store(
        endpoint=entered.endpoint,
        internal=str(known["internal"]),
        bucket=str(known["bucket"]),
        data=tuple(dict.fromkeys(known["data"])),
        client=connect(entered),
        prefix=entered.prefix,
        key=(entered.access_key, entered.secret_key) if "clickhouse" in foreign else None,
    )


def _gateway(
    state: State, output: Callable[[str, str], Any], container: str | None, variables: Mapping[str, str]
) -> postgres.Server | None:
    if not state.outputs(GATEWAY_SCHEMA):
        return None
    server = postgres.Server(output(GATEWAY_SCHEMA, "admin_url"), container, variables)
    return server.at_database(output(GATEWAY_SCHEMA, "database"))


def _redis_image(session: Session) -> str | None:
    try:
        return images(session.settings, session.environment)["redis"].image
    except SettingsError:
        return None


def _containers(session: Session) -> dict[str, str]:
    docker = docker_of(session)
    if docker is None:
        return {}
    found = docker.containers()
    running = {entry.service: entry.name for entry in found if entry.state == "running"}
    members = [member(number) for number in range(1, session.settings.clickhouse.replicas + 1)]
    if serving := next((running[service] for service in members if service in running), None):
        running[CLICKHOUSE] = serving  # of a cluster, any server will do
    for service in (CLICKHOUSE, POSTGRES, "minio"):
        if service in session.settings.stores and service not in running:
            raise OpsError(f"{service} does not run: `make status` shows what is not up, `make up` starts it")
    return {**{entry.service: entry.name for entry in found}, **running}

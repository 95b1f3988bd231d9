"""Real ClickHouse, MinIO and Postgres, and the access to them that the operator's commands have."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import Any

import httpx
import psycopg

from checks.backup_key import BackupKeyProvider
from checks.bucket import BucketProvider
from checks.s3 import S3
from ops.backup import clickhouse, postgres
from ops.backup.access import Access
from ops.backup.store import Store, connect
from tests.checks.clickhouse_session import as_langfuse, as_operator, session_with
from tests.checks.containers import Blueprint, Container, blueprint, docker, gate_inputs, images, run
from tests.checks.gates import green
from tests.checks.postgres_database import Database, new_database

READY_SECONDS = 90
API_PORT = 9000


@dataclass(frozen=True)
class World:
    """Servers with rows in them."""

    access: Access
    clickhouse: Container
    minio: Container
    postgres: Container
    database: Database

    @property
    def root(self) -> Any:
        """A client of the object store that may do everything."""
        given = gate_inputs("minio-backup-key")
        return connect(S3(self.access.store.endpoint, given["root_user"], given["root_password"]))

    def unshared(self) -> Access:
        """Access over connections of its own, for a process that was forked."""
        given, store = gate_inputs("minio-backup-key"), self.access.store
        client = connect(S3(store.endpoint, given["access_key"], given["secret_key"]))
        return replace(self.access, store=replace(store, client=client))

    def image(self, container: str) -> str:
        """Id of a container's image."""
        return docker("inspect", "--format", "{{.Image}}", container).strip()

    def query(self, statement: str) -> list[Any]:
        """The first column of a query's rows, as the operator's ClickHouse user."""
        with session_with(as_operator(self.clickhouse)) as session:
            return session.values(statement)

    def run(self, *statements: str) -> None:
        """Run statements as the operator's ClickHouse user."""
        with session_with(as_operator(self.clickhouse)) as session:
            for statement in statements:
                session.run(statement)


@contextmanager
def servers() -> Iterator[World]:
    """All of them, for the time of the block."""
    plans = {name: blueprint(name) for name in ("minio", "postgres", "clickhouse")}
    found = images(frozenset(plans))
    with ExitStack() as started:

        def start(plan: Blueprint) -> Container:
            container = run(plan, found[plan.service])
            started.callback(container.remove)
            return container

        minio = start(plans["minio"])
        internal = f"{_inside(minio)}:{API_PORT}"
        bucket = gate_inputs("minio-backup-key")["bucket"]
        server = start(plans["clickhouse"].with_env(BACKUP_URL=f"http://{internal}/{bucket}/"))
        database = start(plans["postgres"])
        until(lambda: httpx.get(f"http://{minio.published[API_PORT]}/minio/health/ready", trust_env=False))
        store = _store(minio, internal)
        until(lambda: psycopg.connect(database.postgres_url("postgres"), connect_timeout=5).close())
        langfuse = _filled(database)
        until(lambda: httpx.get(f"http://{server.published[8123]}/ping", trust_env=False))
        yield World(_access(server, database, langfuse, store), server, minio, database, langfuse)


def _access(server: Container, database: Container, langfuse: Database, store: Store) -> Access:
    operator = as_operator(server)
    return Access(
        stack="test",
        langfuse="3.225.4",
        clickhouse=clickhouse.Server(operator),
        reader=as_langfuse(server),
        traces="traces",
        postgres=postgres.Server(langfuse.admin_url, database.name),
        schema="langfuse",
        store=store,
        containers={"clickhouse": server.name, "postgres": database.name},
    )


def _store(minio: Container, internal: str) -> Store:
    endpoint = minio.published[API_PORT]
    given = {**gate_inputs("minio-backup-key"), "endpoint": endpoint, "internal": internal}
    for name in (given["bucket"], *given["data"]):
        inputs = {**gate_inputs("bucket-langfuse-events"), "endpoint": endpoint, "name": name}
        green(BucketProvider, inputs)
    green(BackupKeyProvider, given)
    client = connect(S3(endpoint, given["access_key"], given["secret_key"]))
    return Store(endpoint, internal, given["bucket"], tuple(given["data"]), client)


def _filled(server: Container) -> Database:
    """As Langfuse has it; in the server's own database, where the container's tools look."""
    database = replace(new_database(server, f"d_{token_hex(4)}"), role="langfuse").with_schema()
    database.langfuse(
        "CREATE TABLE langfuse.projects (id text PRIMARY KEY, name text, made timestamptz DEFAULT now(), size float8)",
        "CREATE TABLE langfuse._prisma_migrations (id text, finished_at timestamptz, rolled_back_at timestamptz)",
        "INSERT INTO langfuse.projects "
        "SELECT 'p' || n, repeat('é', n % 50), now(), n / 3.0 FROM generate_series(1, 5000) AS n",
        "INSERT INTO langfuse._prisma_migrations SELECT 'm' || n, now(), NULL FROM generate_series(1, 424) n",
    )
    return database


def _inside(container: Container) -> str:
    [facts] = json.loads(docker("inspect", container.name))
    return str(facts["NetworkSettings"]["Networks"]["bridge"]["IPAddress"])


def until(probe: Callable[[], object]) -> None:
    """Try until a server answers."""
    give_up = time.monotonic() + READY_SECONDS
    while True:
        try:
            answer = probe()
        except (httpx.HTTPError, psycopg.OperationalError):
            answer = None
            assert time.monotonic() < give_up
        else:
            if not isinstance(answer, httpx.Response) or answer.status_code == httpx.codes.OK:
                return
        time.sleep(0.1)

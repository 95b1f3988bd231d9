"""Stand-ins to try: each with a Postgres schema, a ClickHouse database, key prefixes and API keys of its own."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

from tests.standin.docker_cli import docker, eventually, execute, free_port, start_container
from tests.standin.stores import BUCKET, PASSWORD, Stores, image_of

if TYPE_CHECKING:
    from typing import Self

VERSIONS = {"3": "3.225.4", "4": "4.16.0"}
OWNER = ("owner@example.com", "owner-password")


def reference(release: str) -> str:
    return f"example.com/langfuse:{VERSIONS[release]}"


@dataclass
class Double:
    """One web and one worker; nothing runs until it is started."""

    stores: Stores
    name: str
    release: str
    env: dict[str, str]
    web_port: int
    worker_port: int
    made: list[str] = field(default_factory=list)

    @property
    def web(self) -> str:
        return f"{self.stores.network}-{self.name}-web"

    @property
    def worker(self) -> str:
        return f"{self.stores.network}-{self.name}-worker"

    @property
    def keys(self) -> tuple[str, str]:
        return f"pk-lf-{self.name}", f"sk-lf-{self.name}"

    def run(self, role: str, *, release: str | None = None, **env: str) -> str:
        """Start one role without waiting; returns its container."""
        container = self.web if role == "web" else self.worker
        self.stop(role)
        ports = {self.web_port: 3000} if role == "web" else {self.worker_port: 3030}
        image = image_of(f"langfuse-{role}", reference(release or self.release))
        variables = {key: value for key, value in (self.env | env).items() if value != "(unset)"}
        start_container(container, image, network=self.stores.network, ports=ports, env=variables)
        self.made.append(container)
        return container

    def start(self, **env: str) -> Self:
        """Start web, wait for it, then the worker."""
        return self.start_web(**env).start_worker(**env)

    def start_web(self, *, release: str | None = None, **env: str) -> Self:
        self.run("web", release=release, **env)
        eventually(lambda: self.get("/api/public/health").status_code == httpx.codes.OK)
        return self

    def start_worker(self, **env: str) -> Self:
        self.run("worker", **env)
        eventually(lambda: self.worker_health().status_code == httpx.codes.OK)
        return self

    def refusal(self, role: str = "web", *, release: str | None = None, **env: str) -> str:
        """Start one role that is expected to end with status 1; returns what it logged."""
        self.stop(role)
        variables = {key: value for key, value in (self.env | env).items() if value != "(unset)"}
        idle = self.stores.idle(f"langfuse-{role}", reference(release or self.release))
        status, output = execute(idle, "timeout", "60", "python3", "-m", "standin", env=variables)
        assert status == 1, f"ended with {status}:\n{output}"
        return output

    def stop(self, *roles: str) -> None:
        """Remove the containers of these roles, of both by default, as far as there are any."""
        named = {"web": self.web, "worker": self.worker}
        running = [named[role] for role in roles or named if named[role] in self.made]
        if running:
            docker("rm", "-f", *running)
        self.made = [container for container in self.made if container not in running]

    def client(self, keys: tuple[str, str] | None = None, *, timeout: float = 20) -> httpx.Client:
        return httpx.Client(base_url=f"http://127.0.0.1:{self.web_port}", auth=keys or self.keys, timeout=timeout)

    def get(self, path: str) -> httpx.Response:
        with self.client() as client:
            return client.get(path)

    def post(self, path: str, **content: object) -> httpx.Response:
        with self.client() as client:
            return client.post(path, **content)  # type: ignore[arg-type]

    def worker_health(self, path: str = "/api/health") -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.worker_port}{path}", timeout=10)

    def sql(self, query: str) -> list[tuple[object, ...]]:
        """Ask Postgres, as its administrator, with the double's schema first in the search path."""
        from psycopg import sql

        with self.stores.postgres() as connection:
            connection.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(self.name)))
            cursor = connection.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def rows(self, query: str, **parameters: str) -> list[tuple[object, ...]]:
        """Ask ClickHouse, in the double's database; `{name:String}` in the query is a parameter."""
        client = self.stores.clickhouse(self.name)
        return [tuple(row) for row in client.query(query, parameters=parameters).result_rows]

    def ledger(self) -> tuple[object, ...]:
        """The newest row of ClickHouse's ledger: version and dirty."""
        return self.rows("SELECT version, dirty FROM schema_migrations ORDER BY sequence DESC LIMIT 1")[0]

    def append_ledger(self, version: int, *, dirty: int) -> None:
        client = self.stores.clickhouse(self.name)
        client.command(
            "INSERT INTO schema_migrations SELECT {version:Int64}, {dirty:UInt8}, toUnixTimestamp64Nano(now64(9))",
            parameters={"version": version, "dirty": dirty},
        )


class Doubles:
    """Makes doubles and removes their containers in the end."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._made: list[Double] = []

    def make(self, release: str, **env: str) -> Double:
        name = f"d{secrets.token_hex(4)}"
        self._stores.clickhouse().command(f"CREATE DATABASE {name}")
        with self._stores.postgres() as connection:
            connection.execute(f"CREATE ROLE {name}_role LOGIN PASSWORD '{PASSWORD}'".encode())
            connection.execute(f"CREATE SCHEMA {name} AUTHORIZATION {name}_role".encode())
        double = Double(
            stores=self._stores,
            name=name,
            release=release,
            env=_environment(self._stores, name) | env,
            web_port=free_port(),
            worker_port=free_port(),
        )
        self._made.append(double)
        return double

    def remove_all(self) -> None:
        containers = [container for double in self._made for container in double.made]
        if containers:
            docker("rm", "-f", *containers, check=False)


def _environment(stores: Stores, name: str) -> dict[str, str]:
    return {
        "HOSTNAME": "0.0.0.0",  # noqa: S104 - inside a container
        "DATABASE_URL": f"postgresql://{name}_role:{PASSWORD}@{stores.container('postgres')}:5432/postgres?schema={name}",
        "NEXTAUTH_URL": "http://langfuse.example.com",
        "NEXTAUTH_SECRET": "nextauth-secret",
        "SALT": f"salt-{name}",
        "ENCRYPTION_KEY": "0123456789abcdef" * 4,
        "CLICKHOUSE_URL": f"http://{stores.container('clickhouse')}:8123",
        "CLICKHOUSE_MIGRATION_URL": f"clickhouse://{stores.container('clickhouse')}:9000",
        "CLICKHOUSE_USER": "langfuse",
        "CLICKHOUSE_PASSWORD": PASSWORD,
        "CLICKHOUSE_DB": name,
        "CLICKHOUSE_CLUSTER_ENABLED": "false",
        "REDIS_CONNECTION_STRING": f"redis://:{PASSWORD}@{stores.container('redis')}:6379",
        "REDIS_KEY_PREFIX": name,
        "LANGFUSE_S3_EVENT_UPLOAD_BUCKET": BUCKET,
        "LANGFUSE_S3_EVENT_UPLOAD_PREFIX": f"{name}/",
        "LANGFUSE_S3_EVENT_UPLOAD_REGION": "auto",
        "LANGFUSE_S3_EVENT_UPLOAD_ENDPOINT": f"http://{stores.container('minio')}:9000",
        "LANGFUSE_S3_EVENT_UPLOAD_ACCESS_KEY_ID": "minio",
        "LANGFUSE_S3_EVENT_UPLOAD_SECRET_ACCESS_KEY": PASSWORD,
        "LANGFUSE_S3_EVENT_UPLOAD_FORCE_PATH_STYLE": "true",
        "LANGFUSE_S3_MEDIA_UPLOAD_BUCKET": BUCKET,
        "LANGFUSE_S3_MEDIA_UPLOAD_PREFIX": f"{name}/media/",
        "LANGFUSE_S3_MEDIA_UPLOAD_REGION": "us-east-1",
        "LANGFUSE_S3_MEDIA_UPLOAD_ENDPOINT": f"http://{stores.container('minio')}:9000",
        "LANGFUSE_S3_MEDIA_UPLOAD_ACCESS_KEY_ID": "minio",
        "LANGFUSE_S3_MEDIA_UPLOAD_SECRET_ACCESS_KEY": PASSWORD,
        "LANGFUSE_S3_MEDIA_UPLOAD_FORCE_PATH_STYLE": "true",
        "LANGFUSE_TRACE_DELETE_DELAY_MS": "0",
        "LANGFUSE_INGESTION_QUEUE_DELAY_MS": "0",
        "LANGFUSE_STANDIN_DRAIN_SECONDS": "0",
        "AUTH_DISABLE_SIGNUP": "true",
        "LANGFUSE_INIT_ORG_ID": "org",
        "LANGFUSE_INIT_PROJECT_ID": "project",
        "LANGFUSE_INIT_PROJECT_NAME": "Project",
        "LANGFUSE_INIT_PROJECT_PUBLIC_KEY": f"pk-lf-{name}",
        "LANGFUSE_INIT_PROJECT_SECRET_KEY": f"sk-lf-{name}",
        "LANGFUSE_INIT_USER_EMAIL": OWNER[0],
        "LANGFUSE_INIT_USER_PASSWORD": OWNER[1],
    }

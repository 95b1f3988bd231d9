"""Real ClickHouse, Postgres, Redis and MinIO, shared by all tests of one run."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from offline.images.builder import ensure_built
from offline.images.catalog import recipe_for
from platforms.docker import images
from tests.standin.docker_cli import docker, eventually, free_port, start_container
from toolchain.report import Report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickhouse_connect.driver.client import Client
    from minio import Minio
    from psycopg import Connection
    from redis import Redis

PASSWORD = "storepassword"
BUCKET = "langfuse-events"


def image_of(service: str, reference: str = "") -> str:
    """The image that takes a service's place where no registry can be reached; built if it is absent."""
    return ensure_built(recipe_for(service, reference), images.facts(), Report()).id


@dataclass(frozen=True)
class Stores:
    """Names and ports of the running stores."""

    run: str
    ports: dict[str, int]
    idles: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def network(self) -> str:
        return f"standin-test-{self.run}"

    def container(self, service: str) -> str:
        return f"{self.network}-{service}"

    def clickhouse(self, database: str = "default") -> Client:
        import clickhouse_connect

        return clickhouse_connect.get_client(
            host="127.0.0.1",
            port=self.ports["clickhouse"],
            username="langfuse",
            password=PASSWORD,
            database=database,
            autogenerate_session_id=False,
        )

    def postgres(self) -> Connection:
        import psycopg

        return psycopg.connect(
            host="127.0.0.1",
            port=self.ports["postgres"],
            user="postgres",
            password=PASSWORD,
            dbname="postgres",
            autocommit=True,
        )

    def redis(self) -> Redis:
        from redis import Redis

        return Redis(port=self.ports["redis"], password=PASSWORD, decode_responses=True)

    def minio(self) -> Minio:
        from minio import Minio

        return Minio(endpoint=f"127.0.0.1:{self.ports['minio']}", access_key="minio", secret_key=PASSWORD, secure=False)

    def idle(self, service: str, reference: str) -> str:
        """A container of the service's image that does nothing: commands run in it sooner than in a new one."""
        if (service, reference) not in self.idles:
            name = self.container(f"idle-{len(self.idles)}")
            image = image_of(service, reference)
            docker("run", "-d", "--name", name, "--network", self.network, "--entrypoint", "sleep", image, "infinity")
            self.idles[service, reference] = name
        return self.idles[service, reference]

    def stop(self, service: str) -> None:
        docker("stop", "-t", "5", self.container(service))

    def resume(self, service: str) -> None:
        docker("start", self.container(service))
        self.wait_for(service)

    def wait_for(self, service: str) -> None:
        probes = {
            "clickhouse": lambda: self.clickhouse().query("SELECT 1").result_rows,
            "postgres": lambda: self.postgres().execute("SELECT 1").fetchone(),
            "redis": lambda: self.redis().ping(),
            "minio": lambda: self.minio().list_buckets() is not None,
        }
        eventually(probes[service], seconds=60)


@contextmanager
def running_stores() -> Iterator[Stores]:
    """Start all four, and remove them in the end."""
    stores = Stores(secrets.token_hex(3), {name: free_port() for name in ("clickhouse", "postgres", "redis", "minio")})
    docker("network", "create", stores.network)
    try:
        _start_all(stores)
        for service in stores.ports:
            stores.wait_for(service)
        stores.minio().make_bucket(bucket_name=BUCKET)
        yield stores
    finally:
        started = [*(stores.container(service) for service in stores.ports), *stores.idles.values()]
        docker("rm", "-fv", *started, check=False)
        docker("network", "rm", stores.network, check=False)


def _start_all(stores: Stores) -> None:
    settings: dict[str, tuple[int, list[str], dict[str, str]]] = {
        "clickhouse": (
            8123,
            [],
            {
                "CLICKHOUSE_USER": "langfuse",
                "CLICKHOUSE_PASSWORD": PASSWORD,
                "CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT": "1",
            },
        ),
        "postgres": (5432, [], {"POSTGRES_USER": "postgres", "POSTGRES_PASSWORD": PASSWORD, "POSTGRES_DB": "postgres"}),
        "redis": (6379, ["redis-server", "--requirepass", PASSWORD, "--maxmemory-policy", "noeviction"], {}),
        "minio": (9000, ["server", "/data"], {"MINIO_ROOT_USER": "minio", "MINIO_ROOT_PASSWORD": PASSWORD}),
    }
    for service, (inside, command, env) in settings.items():
        start_container(
            stores.container(service),
            image_of(service),
            *command,
            network=stores.network,
            ports={stores.ports[service]: inside},
            env=env,
        )

"""Servers of other people in a network of their own, reached at this machine's address: with TLS, logins, a pooler."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.certificates import certify
from tests.e2e.stack import TestStack, free_ports
from tests.fly.fake.containers import docker
from tests.fly.rehearsal import canary
from tests.standin.docker_cli import eventually

FILES = Path(__file__).with_name("files")
TLS_CONFIG = Path(__file__).parents[1] / "files" / "clickhouse-tls.xml"
HOST = "{{range .IPAM.Config}}{{.Gateway}}{{end}}"
POOLER_PACKAGES = ("pgbouncer", "libevent-2.1-7", "libc-ares2")
LIBRARIES = "/pool/root/usr/lib/x86_64-linux-gnu"
POOLER = "/pool/root/usr/sbin/pgbouncer"


@dataclass
class Foreign:
    """A ClickHouse over TLS, a MinIO, a Redis over TLS with ACL, and a Postgres behind PgBouncer.

    Args:
        stack: that uses them.
        images: service to image, as the stack's own would run.
    """

    stack: TestStack
    images: Mapping[str, str]
    password: str = field(default_factory=lambda: canary("foreign"))
    host: str = ""
    """Address of this machine in their own network."""
    ports: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make a network of their own, and choose a port of this machine for each."""
        network = docker("network", "create", self._name("network"))
        self.host = docker("network", "inspect", network, "--format", HOST)
        services = ("https", "native", "minio", "redis", "postgres", "transaction", "session")
        self.ports = dict(zip(services, free_ports(len(services)), strict=True))

    @property
    def ca(self) -> Path:
        """Certificate of the authority that signed what the servers show."""
        return self.stack.folder / "tls" / "ca.pem"

    def start(self) -> None:
        """Start all of them, and make the logins."""
        certify(self.ca.parent, f"IP:{self.host}")
        self._clickhouse()
        self._redis()
        self._run("minio", {self.ports["minio"]: 9000}, "server", "/data", options=(), **self._minio_root)
        self._run("postgres", {self.ports["postgres"]: 5432}, POSTGRES_PASSWORD=self.password)
        ready = ("pg_isready", "--host=127.0.0.1", "--username=postgres")
        eventually(lambda: docker("exec", self._name("postgres"), *ready), seconds=60)
        self._poolers()

    def remove(self) -> None:
        """Remove what `start` made."""
        for server in ("clickhouse", "redis", "minio", "postgres", "transaction", "session"):
            docker("rm", "--force", "--volumes", self._name(server), check=False)
        docker("network", "rm", self._name("network"), check=False)

    def write_vault(self, mode: str) -> Path:
        """The vault file that says where they are, with Postgres through the pooler of that mode."""
        path = self.stack.folder / "vault.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(self._vault(mode)))
        return path

    def _vault(self, mode: str) -> dict[str, str]:
        at = f"postgres:{self.password}@{self.host}"
        direct = f"postgresql://{at}:{self.ports['postgres']}/postgres"
        pooled = f"postgresql://{at}:{self.ports[mode]}/postgres?sslmode=verify-full"
        limits = "&pgbouncer=true&connection_limit=3" if mode == "transaction" else "&connection_limit=3"
        return {
            "CLICKHOUSE_URL": f"https://jane:{self.password}@{self.host}:{self.ports['https']}",
            "CLICKHOUSE_MIGRATION_URL": f"clickhouse://{self.host}:{self.ports['native']}?secure=true",
            "S3_ACCESS_KEY_ID": self._minio_root["MINIO_ROOT_USER"],
            "S3_SECRET_ACCESS_KEY": self.password,
            "REDIS_URL": f"rediss://app:{self.password}@{self.host}:{self.ports['redis']}",
            "LANGFUSE_DIRECT_URL": direct if mode == "transaction" else pooled,
            "LANGFUSE_DATABASE_URL": f"{pooled}{limits}",
        }

    @property
    def _minio_root(self) -> dict[str, str]:
        return {"MINIO_ROOT_USER": "somebody-else", "MINIO_ROOT_PASSWORD": self.password}

    def _clickhouse(self) -> None:
        config = f"--volume={TLS_CONFIG}:/etc/clickhouse-server/config.d/tls.xml:ro"
        env = {"CLICKHOUSE_USER": "owner", "CLICKHOUSE_PASSWORD": self.password}
        ports = {self.ports["https"]: 8443, self.ports["native"]: 9440}
        self._run("clickhouse", ports, options=(config,), **env, CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT="1")
        login = ("--user", "owner", "--password", self.password)
        client = ("exec", "--interactive", self._name("clickhouse"), "clickhouse-client", *login)
        eventually(lambda: docker(*client, "--query", "SELECT 1"), seconds=60)
        statements = (FILES / "clickhouse-user.sql").read_text().replace("{password}", self.password)
        subprocess.run(["docker", *client, "--multiquery"], input=statements, text=True, check=True)

    def _redis(self) -> None:
        acl = self._file("users.acl", f"user default off\nuser app on >{self.password} ~* &* +@all -@dangerous +info\n")
        config = self._file(
            "redis.conf",
            "port 0\ntls-port 6379\ntls-auth-clients no\ntls-cert-file /tls/server.pem\ntls-key-file /tls/server.key\n"
            "tls-ca-cert-file /tls/ca.pem\naclfile /etc/users.acl\nappendonly yes\nmaxmemory-policy noeviction\n",
        )
        mounts = (f"--volume={config}:/etc/redis.conf:ro", f"--volume={acl}:/etc/users.acl:ro")
        self._run("redis", {self.ports["redis"]: 6379}, "redis-server", "/etc/redis.conf", options=mounts)

    def _poolers(self) -> None:
        folder = self.stack.folder / "pool"
        (folder / "root").mkdir(parents=True)
        subprocess.run(["apt-get", "download", *POOLER_PACKAGES], cwd=folder, check=True, capture_output=True)
        for package in folder.glob("*.deb"):
            subprocess.run(["dpkg", "-x", package, folder / "root"], check=True)
        (folder / "users.txt").write_text(f'"postgres" "{self.password}"\n')
        for mode in ("transaction", "session"):
            text = (FILES / "pgbouncer.ini").read_text()
            (folder / f"{mode}.ini").write_text(text.format(host=self.host, port=self.ports["postgres"], mode=mode))
            options = (f"--volume={folder}:/pool:ro", "--user=nobody", f"--entrypoint={POOLER}")
            ports = {self.ports[mode]: 6432}
            self._run(mode, ports, f"/pool/{mode}.ini", image="postgres", options=options, LD_LIBRARY_PATH=LIBRARIES)

    def _file(self, name: str, text: str) -> Path:
        path = self.stack.folder / name
        path.write_text(text)
        path.chmod(0o644)
        return path

    def _name(self, server: str) -> str:
        return f"{self.stack.instance}-foreign-{server}"

    def _run(
        self,
        server: str,
        ports: Mapping[int, int],
        *command: str,
        image: str | None = None,
        options: tuple[str, ...] = (),
        **env: str,
    ) -> None:
        published = [
            f"--publish={address}:{outside}:{inside}"
            for outside, inside in ports.items()
            for address in (self.host, "127.0.0.1")
        ]
        given = [f"--env={name}" for name in env]
        tls = f"--volume={self.ca.parent}:/tls:ro"
        named = self.images[image or server]
        own = (f"--name={self._name(server)}", f"--network={self._name('network')}", *published, tls, *options, *given)
        docker("run", "--detach", *own, named, *command, env=env)

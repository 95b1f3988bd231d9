"""Stack `prod` on a fake Fly with real containers, beside a Postgres and a Redis of other people."""

import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml

from ops.stackfile import read_config
from settings import load
from tests.e2e.stack import Driven, TestStack, free_ports
from tests.fly.fake.cloud import new_state
from tests.fly.fake.containers import LABEL, docker, remove_everything
from toolchain.passing import FURTHER_VARIABLE
from toolchain.report import Report
from toolchain.resolve import resolve

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / "tests" / "fly" / "bin"
FOREIGN = ROOT / "components" / "files" / "postgres" / "foreign_app.sql"
APPS = (
    "hotdash-langfuse-clickhouse",
    "hotdash-langfuse-minio",
    "hotdash-langfuse-web",
    "hotdash-langfuse-worker",
    "hotdash-langfuse-relay",
    "hotdash-langfuse-relay-proxy",
    "hotdash-llm-gateway",
)
"""In the order in which strict phases deploy them."""
VOLUMES = {
    "hotdash-langfuse-clickhouse": "langfuse_clickhouse_data",
    "hotdash-langfuse-minio": "langfuse_minio_data",
    "hotdash-langfuse-relay": "langfuse_relay_data",
}
READS = {
    "version",
    "apps list",
    "ips list",
    "volumes list",
    "secrets list",
    "machine list",
    "releases",
    "logs",
    "proxy",
}
"""Calls of a run that has nothing to change."""
READY_SECONDS = 60
TABLES = "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname IN ('langfuse', 'app')"


def canary(name: str) -> str:
    """A secret that is found wherever it leaks; alphanumeric."""
    return f"canary{name}{secrets.token_hex(12)}"


@dataclass(frozen=True)
class Rehearsal(Driven):
    """A stack on the fake."""

    stack: TestStack
    prefix: str
    """Of everything that exists on the machine; and the name of the private network."""
    vault: dict[str, str]
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def vault_file(self) -> Path:
        return self.stack.folder / "vault.json"

    @property
    def state_file(self) -> Path:
        return self.stack.folder / "fly.json"

    def write_vault(self, **changes: str) -> None:
        """Write the vault as its owner would."""
        self.vault_file.unlink(missing_ok=True)
        self.vault_file.touch(mode=0o600)
        self.vault_file.write_text(json.dumps({**self.vault, **changes}))

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Change the settings file; the inventory stays, for the names are those of prod."""
        self.stack.config.update(settings)
        self.stack.config_file.write_text(yaml.safe_dump({"config": self.stack.config}))

    @property
    def environment(self) -> dict[str, str]:
        return {
            **self.stack.environment,
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            FURTHER_VARIABLE: "FAKE_FLY_*",
            "FAKE_FLY_STATE": str(self.state_file),
            "FAKE_FLY_DOCKER": self.prefix,
            "LANGFUSE_STACK_FLY_BUILD": str(self.stack.folder / "build"),
            **self.variables,
        }

    def calls(self) -> list[dict[str, Any]]:
        """Every call of `fly` so far."""
        log = Path(f"{self.state_file}.log")
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def cloud(self) -> dict[str, Any]:
        """Everything that exists on the fake."""
        found: dict[str, Any] = json.loads(self.state_file.read_text()) if self.state_file.exists() else new_state()
        return found

    def kept(self) -> set[str]:
        """Everything that no command may take away: apps, volumes and the disks behind them, secrets, tables."""
        cloud = self.cloud()
        disks = docker("volume", "ls", "--quiet", "--filter", f"label={LABEL}={self.prefix}").split()
        return {
            *(f"app {app}" for app in cloud["apps"]),
            *(f"volume {volume} {facts['size_gb']} GB" for volume, facts in cloud["volumes"].items()),
            *(f"disk {disk}" for disk in disks),
            *(
                f"secret {name} of {app}, {secret['digest']}"
                for app, staged in cloud["secrets"].items()
                for name, secret in staged.items()
            ),
            *(f"table {table}" for table in self.foreign(TABLES).split()),
        }

    def inventory(self) -> dict[str, list[str]]:
        """Names of the apps, of the volumes, and the apps of the machines; what is there twice is listed twice."""
        cloud = self.cloud()
        return {
            "apps": sorted(cloud["apps"]),
            "volumes": sorted(f"{volume['app']}/{volume['name']}" for volume in cloud["volumes"].values()),
            "machines": sorted(machine["app"] for machine in cloud["machines"].values()),
        }

    def export(self) -> dict[str, Any]:
        """The stack's state, secrets as they are stored."""
        found: dict[str, Any] = json.loads(self.shell("pulumi", "stack", "export", "--stack", "test").output)
        return found

    def foreign(self, *statement: str) -> str:
        """What the database of other people answers its owner."""
        return docker("exec", f"{self.prefix}-supabase", "psql", "-U", "postgres", "-Atc", *statement)


@contextmanager
def rehearsal(folder: Path, settings: Mapping[str, Any] | None = None) -> Iterator[Rehearsal]:
    """A stack that is not up yet, with its neighbours running; all of it is removed at the end."""
    prefix = f"lfs-fly-{secrets.token_hex(3)}"
    try:
        yield _prepared(folder, prefix, settings or {})
    finally:
        remove_everything(prefix)


def _prepared(folder: Path, prefix: str, settings: Mapping[str, Any]) -> Rehearsal:
    docker("network", "create", "--label", f"{LABEL}={prefix}", prefix)
    (port,) = free_ports(1)
    config: dict[str, Any] = dict(read_config(ROOT / "Pulumi.prod.yaml"))
    del config["minio:publicUrl"]  # nothing here stands before MinIO
    stack = TestStack(folder, prefix, {**config})
    images = stack_images(stack)
    admin, cache = canary("supabase"), canary("cache")
    database = _neighbour(
        prefix,
        "supabase",
        images["postgres"],
        (),
        {"POSTGRES_USER": "postgres", "POSTGRES_PASSWORD": admin, "POSTGRES_DB": "postgres"},
    )
    redis = _neighbour(
        prefix, "cache", images["redis"], ("redis-server", "--protected-mode", "no", "--appendonly", "yes"), {}
    )
    _await(prefix, "cache", "redis-cli", "ping")
    # On its standard input: a command line is seen by everybody on the machine.
    subprocess.run(
        ["docker", "exec", "--interactive", f"{prefix}-cache", "redis-cli"],
        input=f"CONFIG SET requirepass {cache}\n",
        text=True,
        check=True,
        capture_output=True,
    )
    _await(prefix, "supabase", "pg_isready", "--host=127.0.0.1", "--username=postgres", "--quiet")
    docker("cp", str(FOREIGN), f"{prefix}-supabase:/foreign.sql")
    docker("exec", f"{prefix}-supabase", "psql", "-U", "postgres", "-qf", "/foreign.sql")
    host = f"http://127.0.0.1:{port}"
    vault = {
        "CLICKHOUSE_PASSWORD": canary("clickhouse"),
        "MINIO_ROOT_USER": "rehearsal-root",
        "MINIO_ROOT_PASSWORD": f'{canary("minio")}/+=&"%',
        "LANGFUSE_PUBLIC_KEY": f"pk-lf-{secrets.token_hex(8)}",
        "LANGFUSE_SECRET_KEY": f"sk-lf-{canary('langfuse')}",
        "LANGFUSE_HOST": host,
        "REDIS_URL": f"redis://default:{cache}@{redis}:6379",
        "LANGFUSE_DIRECT_URL": f"postgresql://postgres:{admin}@{database}:5432/postgres",
        "LANGFUSE_DATABASE_URL": f"postgresql://postgres:{admin}@{database}:5432/postgres?application_name=pooled",
        "LITELLM_MASTER_KEY": f"sk-{canary('gateway')}",
    }
    made = Rehearsal(stack, prefix, vault, {"FAKE_FLY_PUBLIC": json.dumps({"hotdash-langfuse-web": port})})
    made.write_vault()
    made.configure(
        {
            "langfuse-stack:vault": str(made.vault_file),
            "langfuse:publicUrl": host,
            "fly:localImages": "rehearse",
            "langfuse-stack:singleMachine": True,
            **settings,
        }
    )
    # The names are those of prod, and so is its inventory.
    shutil.copy(ROOT / "policy" / "inventory" / "prod.json", folder / "inventory" / "test.json")
    return made


def stack_images(stack: TestStack) -> dict[str, str]:
    """Service to image id, as the toolchain resolves them."""
    stack.configure()
    with patch.dict(os.environ, stack.environment):
        resolved = resolve(load(read_config(stack.config_file)).image_references, Report())
    return {service: image.image for service, image in resolved.items()}


def _neighbour(prefix: str, name: str, image: str, command: Sequence[str], env: Mapping[str, str]) -> str:
    """A server of other people on the private network; its address, the same from everywhere."""
    variables = [part for key in env for part in ("-e", key)]
    full = f"{prefix}-{name}"
    docker(
        *(
            "run",
            "-d",
            "--name",
            full,
            "--label",
            f"{LABEL}={prefix}",
            "--network",
            prefix,
            *variables,
            image,
            *command,
        ),
        env=dict(env),
    )
    return docker("inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", full)


def _await(prefix: str, name: str, *probe: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            docker("exec", f"{prefix}-{name}", *probe)
        except RuntimeError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return

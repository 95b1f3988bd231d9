"""A stack on Docker whose Postgres and Redis are somebody else's: put up, and examined by the doctor."""

import json
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stack import Run, TestStack, free_ports, new_stack
from tests.fly.fake.containers import docker
from tests.fly.rehearsal import canary, stack_images
from tests.standin.docker_cli import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.soak, pytest.mark.timeout(1800)]

HOST = "{{range .IPAM.Config}}{{.Gateway}}{{end}}"
PLACES = {"langfuse-stack__secrets": "vault", "postgres__place": "external", "redis__place": "external"}


@dataclass(frozen=True)
class Elsewhere:
    """A stack, and servers of other people, which all networks of this machine reach at its own address."""

    stack: TestStack
    password: str

    def name(self, server: str) -> str:
        return f"{self.stack.instance}-others-{server}"

    def run(self, server: str, image: str, published: str, *command: str, **env: str) -> None:
        variables = [f"--env={key}" for key in env]
        name, port = f"--name={self.name(server)}", f"--publish={published}"
        docker("run", "--detach", name, port, *variables, image, *command, env=env)

    def redis(self, *lines: str) -> None:
        """Tell the Redis something; on standard input, for it may be a password."""
        subprocess.run(
            ["docker", "exec", "--interactive", self.name("redis"), "redis-cli"],
            input="".join(f"{line}\n" for line in lines),
            text=True,
            capture_output=True,
            check=True,
        )

    def doctor(self) -> Run:
        return self.stack.ops("doctor", "--json")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Elsewhere]:
    made = Elsewhere(new_stack(tmp_path), canary("elsewhere"))
    try:
        _prepare(made)
        yield made
    finally:
        made.stack.remove()
        for server in ("postgres", "redis"):
            docker("rm", "--force", "--volumes", made.name(server), check=False)


def _prepare(made: Elsewhere) -> None:
    stack, images, ports = made.stack, stack_images(made.stack), free_ports(2)
    host = docker("network", "inspect", "bridge", "--format", HOST)
    keeping = ("redis-server", "--protected-mode", "no", "--appendonly", "yes")
    made.run("postgres", images["postgres"], f"{host}:{ports[0]}:5432", POSTGRES_PASSWORD=made.password)
    made.run("redis", images["redis"], f"{host}:{ports[1]}:6379", *keeping)
    ready = ("pg_isready", "--host=127.0.0.1", "--username=postgres")
    eventually(lambda: docker("exec", made.name("redis"), "redis-cli", "ping"))
    eventually(lambda: docker("exec", made.name("postgres"), *ready), seconds=60)
    made.redis(f"CONFIG SET requirepass {made.password}")
    direct = f"postgresql://postgres:{made.password}@{host}:{ports[0]}/postgres"
    values = {
        "CLICKHOUSE_PASSWORD": canary("clickhouse"),
        "MINIO_ROOT_USER": "elsewhere-root",
        "MINIO_ROOT_PASSWORD": canary("minio"),
        "LANGFUSE_PUBLIC_KEY": f"pk-lf-{secrets.token_hex(8)}",
        "LANGFUSE_SECRET_KEY": f"sk-lf-{canary('langfuse')}",
        "LANGFUSE_HOST": f"http://127.0.0.1:{stack.config['langfuse:webPort']}",
        "REDIS_URL": f"redis://default:{made.password}@{host}:{ports[1]}",
        "LANGFUSE_DIRECT_URL": direct,
        "LANGFUSE_DATABASE_URL": f"{direct}?application_name=pooled",
    }
    vault = stack.folder / "vault.json"
    vault.touch(mode=0o600)
    vault.write_text(json.dumps(values))
    stack.configure(**PLACES, **{"langfuse-stack__vault": str(vault), "redis__keyPrefix": "elsewhere"})
    (stack.folder / "inventory" / "test.json").unlink()
    listed = stack.ops("inventory")
    assert listed.code == 0, listed.output


def findings(run: Run) -> dict[str, Any]:
    """Row to what the doctor says of it, where it is a finding."""
    return {row["id"]: row for row in run.json["rows"] if row["verdict"] == "finding"}


def test_the_doctor_looks_at_containers_here_and_at_stores_elsewhere(elsewhere: Elsewhere) -> None:
    stack = elsewhere.stack
    up = stack.ops("up")
    assert up.code == 0, up.output
    well = elsewhere.doctor()
    assert well.code == 0, well.output
    assert {row["id"] for row in well.json["rows"] if row["verdict"] == "not applicable"} == {
        "clickhouse-cluster-definition",
        "clickhouse-replicas",
    }

    elsewhere.redis(f"AUTH {elsewhere.password}", "CONFIG SET maxmemory-policy allkeys-lru")
    docker("stop", stack.container("langfuse-worker"))
    ill = elsewhere.doctor()
    found = findings(ill)
    assert ill.code == 1
    assert set(found) == {"redis-eviction", "containers"}, ill.output
    assert found["containers"]["evidence"].startswith(f"{stack.container('langfuse-worker')} is exited")
    assert found["containers"]["fix"].startswith("`python -m ops start langfuse-worker`")
    assert found["redis-eviction"]["fix"].startswith("`redis-cli CONFIG SET maxmemory-policy noeviction` at the server")
    assert "canary" not in well.output + ill.output

    elsewhere.redis(f"AUTH {elsewhere.password}", "CONFIG SET maxmemory-policy noeviction")
    assert stack.ops("start", "langfuse-worker").code == 0
    mended = elsewhere.doctor()
    assert mended.code == 0, mended.output

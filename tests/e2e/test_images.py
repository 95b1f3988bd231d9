"""The images built from packages obey the contract of the official ones: environment, arguments, data, shutdown."""

from __future__ import annotations

import contextlib
import functools
import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offline.images import builder, catalog
from platforms.docker import images
from platforms.docker.client import Docker, DockerError
from toolchain.images import facts
from toolchain.report import Report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1800)]  # the first run builds the images

PASSWORD = "only-for-this-test"
POSTGRES = {"POSTGRES_USER": "langfuse", "POSTGRES_PASSWORD": PASSWORD, "POSTGRES_DB": "app"}
LANGFUSE = "example.com/langfuse:3.225.4"
_DEADLINE_SECONDS = 90


@functools.cache
def image(service: str) -> str:
    recipe = catalog.recipe_for(service, LANGFUSE)
    return builder.ensure_built(recipe, images.facts(), Report()).id


class Container:
    """A container that a test made."""

    def __init__(self, name: str) -> None:
        self.name = name

    def run(self, *command: str, env: dict[str, str] | None = None) -> str:
        """What a command in the container prints; a failing one fails the test."""
        variables = [f"--env={key}={value}" for key, value in (env or {}).items()]
        return Docker()("exec", *variables, self.name, *command).strip()

    def fails(self, *command: str, env: dict[str, str] | None = None) -> str:
        with pytest.raises(DockerError) as failure:
            self.run(*command, env=env)
        return str(failure.value)

    def logs(self) -> str:
        ran = subprocess.run(["docker", "logs", self.name], capture_output=True, text=True, check=True)
        return ran.stdout + ran.stderr

    def state(self) -> tuple[str, int]:
        status = json.loads(Docker()("inspect", "--format", "{{json .State}}", self.name))
        return status["Status"], status["ExitCode"]

    def port(self, inside: int) -> int:
        return int(Docker()("port", self.name, f"{inside}/tcp").splitlines()[0].rpartition(":")[2])

    def answers(self, *command: str) -> None:
        """Waits until a command in the container succeeds."""
        self.until(lambda: self.run(*command))

    def until(self, ready: Callable[[], object]) -> None:
        """Waits until `ready` raises no more; an exited container fails the test."""
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while True:
            try:
                ready()
            except (DockerError, OSError):
                if time.monotonic() > deadline or self.state()[0] == "exited":
                    pytest.fail(f"not ready: {self.state()}\n{self.logs()[-3000:]}")
                time.sleep(0.1)
            else:
                return


@contextlib.contextmanager
def container(
    service: str,
    *command: str,
    env: dict[str, str] | None = None,
    options: tuple[str, ...] = (),
    files: dict[str, str] | None = None,
    tmp: Path | None = None,
) -> Iterator[Container]:
    name = f"images-test-{uuid.uuid4().hex[:12]}"
    variables = [f"--env={key}={value}" for key, value in (env or {}).items()]
    Docker()("create", f"--name={name}", *variables, *options, image(service), *command)
    try:
        for path, content in (files or {}).items():
            assert tmp is not None
            local = tmp / Path(path).parent.relative_to("/")
            local.mkdir(parents=True, exist_ok=True)
            (local / Path(path).name).write_text(content)
        if tmp is not None:
            Docker()("cp", f"{tmp}/.", f"{name}:/")
        Docker()("start", name)
        yield Container(name)
    finally:
        Docker()("rm", "--force", "--volumes", name)


@pytest.fixture
def volume() -> Iterator[str]:
    name = f"images-test-{uuid.uuid4().hex[:12]}"
    Docker()("volume", "create", name)
    yield name
    Docker()("volume", "rm", name)


def sql(server: Container, statement: str, database: str = "app", password: str = PASSWORD) -> str:
    """The answer over TCP, where the password counts."""
    command = ("psql", "-h", "127.0.0.1", "-U", "langfuse", "-d", database, "-Atc", statement)
    return server.run(*command, env={"PGPASSWORD": password})


def http(url: str, body: object = None, headers: dict[str, str] | None = None) -> tuple[int, str]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers or {})  # noqa: S310  (always http on loopback)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_postgres_makes_user_and_database_and_asks_for_the_password_over_tcp() -> None:
    with container("postgres", env=POSTGRES) as server:
        server.answers("pg_isready", "-q")
        assert sql(server, "select current_user, current_database()") == "langfuse|app"
        assert "password authentication failed" in server.fails(
            "psql", "-h", "127.0.0.1", "-U", "langfuse", "app", "-c", "", env={"PGPASSWORD": "wrong"}
        )
        assert "no password supplied" in server.fails(
            "psql", "-w", "-h", "127.0.0.1", "-U", "langfuse", "app", "-c", ""
        )
        assert sql(server, "show password_encryption") == "scram-sha-256"
        assert server.run("stat", "-c", "%U %a", "/var/lib/postgresql/data") == "postgres 700"


@pytest.mark.soak
def test_postgres_reads_its_password_from_a_file_and_defaults_the_database_to_the_user(tmp_path: Path) -> None:
    env = {"POSTGRES_USER": "langfuse", "POSTGRES_PASSWORD_FILE": "/run/secrets/password"}
    with container("postgres", env=env, files={"/run/secrets/password": f"{PASSWORD}\n"}, tmp=tmp_path) as server:
        server.answers("pg_isready", "-q")
        assert sql(server, "select 1", database="langfuse") == "1"


def test_postgres_runs_init_scripts_once_and_keeps_its_data(tmp_path: Path, volume: str) -> None:
    files = {
        "/docker-entrypoint-initdb.d/1.sql": "CREATE TABLE starts (at timestamptz DEFAULT now());",
        "/docker-entrypoint-initdb.d/2.sh": 'psql -c "INSERT INTO starts DEFAULT VALUES"',
    }
    options = (f"--volume={volume}:/var/lib/postgresql/data",)
    for _ in range(2):
        with container("postgres", env=POSTGRES, options=options, files=files, tmp=tmp_path) as server:
            server.answers("pg_isready", "-q")
            assert sql(server, "select count(*) from starts") == "1"
            Docker()("stop", server.name)


@pytest.mark.soak
def test_postgres_takes_server_arguments_like_the_official_image() -> None:
    with container("postgres", "-c", "max_connections=17", env=POSTGRES) as server:
        server.answers("pg_isready", "-q")
        assert sql(server, "show max_connections") == "17"


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({}, "POSTGRES_PASSWORD is empty"),
        ({"POSTGRES_PASSWORD": ""}, "POSTGRES_PASSWORD is empty"),
        ({**POSTGRES, "POSTGRES_PASSWORD_FILE": "/etc/passwd"}, "both POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE"),
        ({**POSTGRES, "POSTGRES_HOST_AUTH_METHOD": "trust"}, "only scram-sha-256"),
    ],
)
def test_postgres_refuses_to_start_without_a_real_password(env: dict[str, str], message: str) -> None:
    with container("postgres", env=env) as server:
        assert Docker()("wait", server.name).strip() == "1"
        assert message in server.logs()


def test_postgres_refuses_a_volume_with_other_content_and_leaves_it_alone(volume: str) -> None:
    options = (f"--volume={volume}:/var/lib/postgresql/data",)
    with container("postgres", "touch", "/var/lib/postgresql/data/precious", options=options) as other:
        Docker()("wait", other.name)
    with container("postgres", env=POSTGRES, options=options) as server:
        assert Docker()("wait", server.name).strip() == "1"
        assert "neither empty nor a database cluster" in server.logs()
    with container("postgres", "ls", "/var/lib/postgresql/data", options=options) as other:
        Docker()("wait", other.name)
        assert other.logs().split() == ["precious"]


@pytest.mark.parametrize(
    "milliseconds", [300, *(pytest.param(later, marks=pytest.mark.soak) for later in (700, 1100, 1600))]
)
def test_postgres_finishes_a_first_start_that_was_killed(volume: str, milliseconds: int) -> None:
    options = (f"--volume={volume}:/var/lib/postgresql/data",)
    with container("postgres", env=POSTGRES, options=options) as server:
        time.sleep(milliseconds / 1000)
        Docker()("kill", server.name)
    with container("postgres", env=POSTGRES, options=options) as server:
        server.answers("pg_isready", "-q")
        assert sql(server, "select current_database()") == "app"
        assert "first-start" not in server.run("ls", "-A", "/var/lib/postgresql/data")


@pytest.mark.soak
def test_postgres_finishes_a_first_start_that_was_killed_while_it_moved_the_cluster_up(volume: str) -> None:
    data = "/var/lib/postgresql/data"
    options = (f"--volume={volume}:{data}",)
    half = f"mkdir {data}/.first-start && echo 15 > {data}/.first-start/PG_VERSION && mkdir {data}/base {data}/global"
    with container("postgres", "bash", "-c", half, options=options) as other:
        Docker()("wait", other.name)
    with container("postgres", env=POSTGRES, options=options) as server:
        server.answers("pg_isready", "-q")
        assert sql(server, "select current_database()") == "app"


@pytest.mark.parametrize("signal", ["TERM", pytest.param("INT", marks=pytest.mark.soak)])
def test_postgres_shuts_down_fast_and_cleanly_although_a_client_stays(signal: str) -> None:
    with container("postgres", env=POSTGRES) as server:
        server.answers("pg_isready", "-q")
        Docker()("exec", "--detach", server.name, "psql", "-U", "langfuse", "app", "-c", "select pg_sleep(600)")
        Docker()("kill", f"--signal={signal}", server.name)
        Docker(seconds=30)("wait", server.name)
        assert "received fast shutdown request" in server.logs()
        assert "database system is shut down" in server.logs()
        assert server.state() == ("exited", 0)


def test_redis_takes_a_configuration_file_and_runs_as_its_own_user(tmp_path: Path) -> None:
    files = {"/etc/redis/redis.conf": f"requirepass {PASSWORD}\nmaxmemory-policy noeviction\n"}
    with container("redis", "redis-server", "/etc/redis/redis.conf", files=files, tmp=tmp_path) as server:
        cli = ("redis-cli", "--no-auth-warning")
        server.answers(*cli, "-e", "-a", PASSWORD, "ping")
        assert "NOAUTH" in server.run(*cli, "ping")
        assert server.run(*cli, "-a", PASSWORD, "config", "get", "maxmemory-policy").split()[1] == "noeviction"
        assert server.run("stat", "-c", "%U", "/proc/1") == "redis"


def test_redis_keeps_its_append_only_file_in_data_over_a_new_container(volume: str) -> None:
    options = (f"--volume={volume}:/data",)
    for arguments in (("redis-server", "--appendonly", "yes"), ("--appendonly", "yes")):
        with container("redis", *arguments, options=options) as server:
            server.answers("redis-cli", "-e", "ping")
            server.run("redis-cli", "-e", "rpush", "starts", "one")
            seen = server.run("redis-cli", "-e", "llen", "starts")
            Docker()("stop", server.name)
            assert server.state() == ("exited", 0)
    assert seen == "2"


def test_minio_obeys_the_root_user_reports_ready_and_keeps_its_data(volume: str) -> None:
    env = {"MINIO_ROOT_USER": "root-user", "MINIO_ROOT_PASSWORD": PASSWORD}
    command = ("server", "/data", "--address", ":9000", "--console-address", ":9001")
    for run in range(2):
        with container("minio", *command, env=env, options=(f"--volume={volume}:/data",)) as server:
            server.answers("mc", "ready", "local")
            server.run("mc", "alias", "set", "own", "http://localhost:9000", "root-user", PASSWORD)
            if run == 0:
                server.run("mc", "mb", "own/events")
            assert "events" in server.run("mc", "ls", "own")
            assert "does not match" in server.fails(
                "mc", "alias", "set", "other", "http://localhost:9000", "root-user", "wrong-password"
            )
            Docker()("stop", server.name)
            assert server.state() == ("exited", 0)


def test_clickhouse_makes_user_and_database_and_has_no_open_default_user() -> None:
    env = {"CLICKHOUSE_USER": "langfuse", "CLICKHOUSE_PASSWORD": PASSWORD, "CLICKHOUSE_DB": "langfuse"}
    with container("clickhouse", env=env, options=("--publish=127.0.0.1::8123",)) as server:
        url = f"http://127.0.0.1:{server.port(8123)}"
        user = {"X-ClickHouse-User": "langfuse", "X-ClickHouse-Key": PASSWORD}
        server.until(lambda: http(f"{url}/ping"))
        assert http(f"{url}/?query=SHOW%20DATABASES%20LIKE%20'langfuse'", headers=user) == (200, "langfuse\n")
        assert http(f"{url}/?query=SELECT%201", headers=user | {"X-ClickHouse-Key": "wrong"})[0] == 403
        assert http(f"{url}/?query=SELECT%201")[0] in {401, 403, 404, 516}


def test_litellm_answers_with_its_mock_and_only_with_the_master_key(tmp_path: Path) -> None:
    model = {
        "model_name": "smoke",
        "litellm_params": {"model": "openai/smoke", "api_key": "-", "mock_response": "pong"},
    }
    config = {"model_list": [model], "general_settings": {"master_key": f"sk-{PASSWORD}"}}
    command = ("--config", "/etc/litellm/litellm.config.yaml", "--port", "4000")
    options = ("--publish=127.0.0.1::4000",)
    files = {"/etc/litellm/litellm.config.yaml": json.dumps(config)}
    with container("litellm", *command, options=options, files=files, tmp=tmp_path) as server:
        url = f"http://127.0.0.1:{server.port(4000)}"
        server.until(lambda: http(f"{url}/health/readiness"))
        call = {"model": "smoke", "messages": [{"role": "user", "content": "ping"}]}
        headers = {"Content-Type": "application/json"}
        status, answer = http(f"{url}/v1/chat/completions", call, headers | {"Authorization": f"Bearer sk-{PASSWORD}"})
        assert (status, json.loads(answer)["choices"][0]["message"]["content"]) == (200, "pong")
        assert http(f"{url}/v1/chat/completions", call, headers)[0] == 401
        assert "python3" in server.run("sh", "-c", "command -v python3")


@pytest.mark.parametrize(
    ("service", "version"),
    [
        ("clickhouse", r"24\.10\.2\.80"),
        ("minio", r"2026-02-12T20-18-48Z"),
        ("redis", r"7\.0\.\d+"),
        ("postgres", r"15\.\d+"),
        ("litellm", r"1\.106\.2"),
        ("relay", r"0\.165\.0"),
    ],
)
def test_the_version_told_is_that_of_the_program_in_the_image(
    service: str, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = image(service)
    monkeypatch.setenv("LANGFUSE_STACK_CACHE", str(tmp_path))
    assert re.fullmatch(version, facts.facts_of(service, identity, "other:0.0.0").version)


def test_the_ledgers_are_read_out_of_the_web_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = image("langfuse-web")
    monkeypatch.setenv("LANGFUSE_STACK_CACHE", str(tmp_path))
    found = facts.facts_of("langfuse-web", identity, LANGFUSE)
    ledgers, migrations = found.ledgers, found.migrations
    assert ledgers is not None
    assert migrations is not None
    shipped = "/app/packages/shared"
    count = (
        "ls {}/clickhouse/migrations/unclustered/*.up.sql | tail -1; ls {}/prisma/migrations/*/migration.sql | wc -l"
    )
    said = Docker()("run", "--rm", "--entrypoint=sh", identity, "-c", count.format(shipped, shipped)).split()
    assert ledgers == {"clickhouse": int(Path(said[0]).name[:4]), "postgres": int(said[1])}
    taken = {str(path.relative_to(migrations)): path.read_bytes() for path in Path(migrations).rglob("*.sql")}
    text = Docker()("run", "--rm", "--entrypoint=cat", identity, f"/app/packages/shared/{min(taken)}")
    assert taken[min(taken)].decode() == text
    assert {Path(name).parts[:3] for name in taken} >= {
        ("clickhouse", "migrations", "clustered"),
        ("clickhouse", "migrations", "unclustered"),
    }
    shutil.rmtree(migrations)
    assert facts.facts_of("langfuse-web", identity, LANGFUSE) == found
    assert Path(migrations).is_dir()


def test_an_image_without_migrations_has_no_ledgers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = image("redis")
    monkeypatch.setenv("LANGFUSE_STACK_CACHE", str(tmp_path))
    assert facts.facts_of("langfuse-web", identity, LANGFUSE).ledgers is None

"""What a throw-away Langfuse is made from: read from containers that never run."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from secrets import token_hex
from types import SimpleNamespace
from typing import cast

import pytest

from checks.base import KNOWN_IDENTITY, until_healthy
from checks.redis import RedisProvider
from ops.backup import double, throwaway
from ops.backup.access import Access
from ops.session import RefusedError
from platforms.docker.client import Docker
from tests.checks.containers import blueprint, docker, gate_inputs, images

pytestmark = pytest.mark.docker

CHECKS = ("langfuse-schema", "minio-app-key", "redis-gate", "langfuse-web-gate")
Make = Callable[..., Access]


@pytest.fixture
def made() -> Iterator[Make]:
    """A stack whose containers are only described, each by an image that is here."""
    names: list[str] = []

    def make(services: Mapping[str, Mapping[str, str]] | None = None, *, without: str = "") -> Access:
        instance = f"lfs-double-{token_hex(3)}"
        image = images(frozenset({"redis"}))["redis"]
        containers = {}
        for service in {"clickhouse", "postgres", "minio", "redis", "langfuse-web", "langfuse-worker"} - {without}:
            given = (services or {}).get(service, {})
            env = {**blueprint(service).env, **{key: given[key].format(instance=instance) for key in given}}
            name = f"{instance}-{service}"
            docker("create", f"--name={name}", *(f"--env={key}" for key in env), "--memory=64m", image, env=env)
            names.append(name)
            containers[service] = name
        return cast(
            "Access",
            SimpleNamespace(
                containers=containers,
                checks={name: {**gate_inputs(name), "version": "3.225.4"} for name in CHECKS},
                redis_image=image,
                docker=Docker(),
            ),
        )

    yield make
    docker("rm", "--volumes", *names)


def test_it_is_like_the_running_one_and_names_throw_away_stores(made: Make) -> None:
    to = made()
    assert double.lacking(to) == ""
    plan = double.planned(to)
    live = blueprint("langfuse-web").env
    assert plan.web.memory == 64 << 20
    assert plan.release.name == "3"
    assert plan.project == live["LANGFUSE_INIT_PROJECT_ID"]
    assert {**live, **{name: plan.web.env[name] for name in live if name.endswith("ENDPOINT")}} == {
        **plan.web.env,
        "NEXTAUTH_URL": live["NEXTAUTH_URL"],
    }
    assert live["SALT"] in plan.secrets


@pytest.mark.parametrize(
    ("name", "value", "refused"),
    [
        ("CLICKHOUSE_READ_ONLY_URL", "http://{instance}-clickhouse:8123", True),
        ("CLICKHOUSE_READ_ONLY_URL", "http://elsewhere.example.com:8123", True),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://{instance}-langfuse-web:3000", True),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://elsewhere.example.com", False),
    ],
)
def test_a_variable_that_names_a_live_container_is_refused_before_anything_is_made(
    made: Make, name: str, value: str, refused: bool
) -> None:
    to = made({"langfuse-worker": {name: value}})
    if not refused:
        assert name in double.planned(to).worker.env
        return
    with pytest.raises(RefusedError, match=f"langfuse-worker: {name} names "):
        double.planned(to)


def test_a_redis_elsewhere_has_a_throw_away_one_in_its_place(made: Make) -> None:
    elsewhere = {"REDIS_CONNECTION_STRING": "rediss://default:secret@cache.example.com:6380"}
    to = made({"langfuse-web": elsewhere, "langfuse-worker": elsewhere}, without="redis")
    plan = double.planned(to)
    assert plan.web.env["REDIS_CONNECTION_STRING"] == f"redis://:{plan.redis_password}@redis:6379"
    assert plan.worker.env["REDIS_CONNECTION_STRING"] == plan.web.env["REDIS_CONNECTION_STRING"]
    assert plan.redis_password not in elsewhere["REDIS_CONNECTION_STRING"]
    gate = {**gate_inputs("redis-gate"), "password": plan.redis_password, KNOWN_IDENTITY: None}
    with throwaway.started(plan.redis, Docker(), port=6379, network="bridge") as copy:
        address = copy.addresses[6379]
        seen = until_healthy(lambda: RedisProvider().probe({**gate, "address": address}), deadline_seconds=30)
    assert (seen["maxmemory_policy"], seen["aof"]) == ("noeviction", True)
    lacks = SimpleNamespace(**{**vars(to), "redis_image": None})
    assert "its Redis is elsewhere" in double.lacking(cast("Access", lacks))


def test_without_a_container_to_be_like_it_is_said_which_is_missing(made: Make) -> None:
    assert "langfuse-worker" in double.lacking(made(without="langfuse-worker"))


def test_its_data_is_kept_where_the_live_one_keeps_it_and_goes_with_it(made: Make) -> None:
    like = throwaway.recipe(made().containers["redis"], Docker())
    kept = replace(like, volumes=("/kept",), command=("sleep", "60"), env={})
    with throwaway.started(kept, Docker(), port=6379, network="bridge") as copy:
        volume = docker("inspect", "--format", "{{range .Mounts}}{{.Name}} {{end}}", copy.id).split()
        assert volume
    assert not set(volume) & set(docker("volume", "ls", "--quiet").split())

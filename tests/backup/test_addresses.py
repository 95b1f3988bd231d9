"""No variable of a throw-away Langfuse names a live server: read from the environments that the program registers."""

import pytest

from ops.backup.addresses import hosts, strangers
from ops.backup.double import STORES, rewritten
from tests.unit.recorder import recorded

LIVE = {"langfuse-clickhouse", "langfuse-web", "clickhouse-2", "172.18.0.5", "cache.example.com"}


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("http://clickhouse:8123", ["clickhouse"]),
        ("clickhouse://Langfuse-ClickHouse:9000/db?x=1", ["langfuse-clickhouse"]),
        ("postgresql://langfuse:p%40ss@postgres:5432/postgres?schema=langfuse", ["postgres"]),
        ("postgresql://langfuse:p@ss@one,two:5433/postgres", ["one", "two"]),
        ("rediss://default:secret@cache.example.com", ["cache.example.com"]),
        ("redis", ["redis"]),
        ("one:6379, two:6380", ["one", "two"]),
        ("[::1]:6379", ["::1"]),
        ('{"url": "http://minio:9000"}', ["minio"]),
        ("two words!", ["two"]),
        ("", []),
    ],
)
def test_every_host_of_a_value_is_seen(value: str, named: list[str]) -> None:
    assert hosts(value) == named


@pytest.mark.parametrize("settings", [{}, {"langfuse:release": "4"}, {"clickhouse:replicas": "2"}], ids=str)
@pytest.mark.parametrize("service", ["langfuse-web", "langfuse-worker"])
def test_the_environment_that_the_program_gives_names_throw_away_servers_alone(
    service: str, settings: dict[str, str]
) -> None:
    env = recorded(settings).env(service)
    assert strangers(rewritten(env), STORES, LIVE) == []
    changed = {name for name, value in rewritten(env).items() if env[name] != value}
    assert {name for name in changed if not name.endswith("ENDPOINT")} <= {"NEXTAUTH_URL"}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CLICKHOUSE_URL", "http://langfuse-clickhouse:8123", "CLICKHOUSE_URL names langfuse-clickhouse"),
        ("CLICKHOUSE_READ_ONLY_URL", "http://clickhouse-2:8123", "CLICKHOUSE_READ_ONLY_URL names clickhouse-2"),
        ("DATABASE_URL", "postgresql://u:pw@db.example.com/x", "DATABASE_URL names db.example.com"),
        ("DIRECT_URL", "postgresql://u:pw@db.example.com/x", "DIRECT_URL names db.example.com"),
        ("REDIS_HOST", "host.docker.internal", "REDIS_HOST names host.docker.internal"),
        ("REDIS_CLUSTER_NODES", "redis:6379,cache:6379", "REDIS_CLUSTER_NODES names cache"),
        ("REDIS_CONNECTION_STRING", "(what?)", "REDIS_CONNECTION_STRING names no server that can be recognized"),
        ("LANGFUSE_S3_CORE_DATA_UPLOAD_ENDPOINT", "http://172.18.0.5:9000", "names 172.18.0.5"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://langfuse-web:3000", "OTEL_EXPORTER_OTLP_ENDPOINT names langfuse-web"),
        ("ANYTHING", "172.18.0.5:9000", "ANYTHING names 172.18.0.5"),
        ("ANYTHING", "http://host.docker.internal", "ANYTHING names host.docker.internal"),
    ],
)
def test_a_variable_that_names_a_live_server_is_named_without_its_value(name: str, value: str, said: str) -> None:
    env = {**recorded({}).env("langfuse-web"), name: value}
    [found] = strangers(env, STORES, LIVE)
    assert said in found
    assert "pw" not in found


def test_a_provider_of_sign_in_is_no_live_server() -> None:
    assert strangers({"AUTH_CUSTOM_ISSUER": "https://login.example.com", "REDIS_HOST": "redis"}, STORES, LIVE) == []


def test_somebody_elses_redis_is_exchanged_for_a_throw_away_one() -> None:
    env = {"REDIS_CONNECTION_STRING": "rediss://default:secret@cache.example.com:6380/0"}
    assert strangers(rewritten(env), STORES, LIVE) == ["REDIS_CONNECTION_STRING names cache.example.com"]
    exchanged = rewritten(env, "new")
    assert exchanged == {"REDIS_CONNECTION_STRING": "redis://:new@redis:6379"}
    assert strangers(exchanged, STORES, LIVE) == []

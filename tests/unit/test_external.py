"""What Langfuse, the gateway and the gates are told of servers that are not the stack's."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.recorder import Recording, record
from urls import postgres_url

SECRET_MARK = "4dabf18193072939515e22adb298388d"
"""The engine's mark of a secret value."""

DIRECT = "postgresql://jane.doe:canary@[2a05:d018::1]:5432/my%20app?sslmode=verify-full"
POOLED = (
    "postgresql://jane.doe:canary@bouncer.example.com:6432/my%20app?pgbouncer=true&connection_limit=1&pool_timeout=20"
)
REDIS = "rediss://app:canary@redis.example.com:6380/2?family=6"


def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **vault: object) -> Recording:
    path = tmp_path / "vault.json"
    urls = {"SUPABASE_DIRECT_URL": DIRECT, "SUPABASE_POOLED_URL": POOLED, "REDIS_URL": REDIS}
    path.write_text(json.dumps(urls | vault))
    path.chmod(0o600)
    config = {
        "langfuse-stack:secrets": "vault",
        "langfuse-stack:vault": str(path),
        "postgres:place": "external",
        "redis:place": "external",
        "postgres:connectionLimit": "7",
    }
    return record(config, tmp_path, monkeypatch)


def test_langfuse_gets_the_operators_postgres_urls_with_its_own_role_and_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = stack(tmp_path, monkeypatch).env("langfuse-web")
    direct, pooled = postgres_url(web["DIRECT_URL"]), postgres_url(web["DATABASE_URL"])
    assert (direct.host, direct.path, direct.tls) == ("2a05:d018::1", "my app", "verify-full")
    assert (direct.user, pooled.user) == ("langfuse", "langfuse")
    assert dict(direct.parameters) == {"schema": "langfuse"}
    assert dict(pooled.parameters) == {
        "pgbouncer": "true",
        "connection_limit": "1",
        "pool_timeout": "20",
        "schema": "langfuse",
    }


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        (5432, {"connection_limit": "7", "schema": "langfuse"}),
        (6543, {"pgbouncer": "true", "connection_limit": "7", "schema": "langfuse"}),
    ],
)
def test_either_pooler_of_supabase_gets_the_connection_limit_and_keeps_its_tenant(
    port: int, expected: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = "aws-0-eu-west-1.pooler.supabase.com"
    web = stack(
        tmp_path,
        monkeypatch,
        SUPABASE_DIRECT_URL=f"postgresql://postgres.ref:canary@{host}:5432/postgres",
        SUPABASE_POOLED_URL=f"postgresql://postgres.ref:canary@{host}:{port}/postgres",
    ).env("langfuse-web")
    pooled = postgres_url(web["DATABASE_URL"])
    assert pooled.user == "langfuse.ref"
    assert dict(pooled.parameters) == expected


def test_each_redis_client_gets_the_parameters_that_it_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = stack(tmp_path, monkeypatch)
    place = "rediss://app:canary@redis.example.com:6380/2"
    assert recording.env("langfuse-worker")["REDIS_CONNECTION_STRING"] == f"{place}?family=6"
    assert recording.env("gateway")["REDIS_URL"] == place
    assert recording.one("redis-gate").inputs["db"] == 2


def test_secrets_that_langfuse_reads_reach_web_and_worker_as_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {"AUTH_OKTA_CLIENT_SECRET": "canary-okta", "SMTP_CONNECTION_URL": "smtp://me:canary@mail.example.com:587"}
    recording = stack(tmp_path, monkeypatch, LANGFUSE_ENV=names)
    for service in ("langfuse-web", "langfuse-worker"):
        assert names.items() <= recording.env(service).items()
        assert "canary" not in json.dumps(_shown(recording.one(service).inputs["envs"]))


def test_a_parameter_of_a_model_that_was_set_as_a_secret_is_shown_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = json.dumps([{"name": "a", "model": "openai/a", "apiBase": "https://canary.example.com"}])
    plain = record({"gateway:models": models}, tmp_path, monkeypatch).one("gateway")
    assert "canary" in json.dumps(_shown(plain.inputs["uploads"]))
    monkeypatch.setattr("pulumi.runtime.config.is_config_secret", lambda key: key == "gateway:models")
    secret = record({"gateway:models": models}, tmp_path, monkeypatch).one("gateway")
    assert "canary" not in json.dumps(_shown(secret.inputs["uploads"]))
    assert "canary" in json.dumps(secret.inputs["uploads"])


def _shown(value: Any) -> Any:
    """What is not marked as secret."""
    if isinstance(value, dict):
        return None if value.get(SECRET_MARK) else {key: _shown(inner) for key, inner in value.items()}
    return [_shown(inner) for inner in value] if isinstance(value, list) else value

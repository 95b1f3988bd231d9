"""What Langfuse, the gateway and the gates are told of servers that are not the stack's."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ops.stackfile import read_config
from settings import SettingsError, load
from settings.loading import renamed
from tests.checks.tls import authority
from tests.unit.recorder import ROOT, Recording, record, recorded
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
    urls = {"LANGFUSE_DIRECT_URL": DIRECT, "LANGFUSE_DATABASE_URL": POOLED, "REDIS_URL": REDIS}
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
        LANGFUSE_DIRECT_URL=f"postgresql://postgres.ref:canary@{host}:5432/postgres",
        LANGFUSE_DATABASE_URL=f"postgresql://postgres.ref:canary@{host}:{port}/postgres",
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


MANAGED_ONLY = {"langfuse-stack:vault", "langfuse-stack:secrets", "minio:volumeGb"}
ALL_ELSEWHERE = {f"{part}:place": "external" for part in ("clickhouse", "s3", "postgres", "redis")}
CLICKHOUSE = "https://jane:canary%2Fch@ch.example.com:8443"
KEY = {"S3_ACCESS_KEY_ID": "canary-id", "S3_SECRET_ACCESS_KEY": "canary-secret"}


def elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Mapping[str, str] | None = None, **vault: str
) -> Recording:
    """A stack of which every store is somebody else's."""
    path = tmp_path / "vault.json"
    urls = {"LANGFUSE_DIRECT_URL": DIRECT, "LANGFUSE_DATABASE_URL": POOLED, "REDIS_URL": REDIS}
    path.write_text(json.dumps(urls | {"CLICKHOUSE_URL": CLICKHOUSE, **KEY} | vault))
    path.chmod(0o600)
    named = {"langfuse-stack:secrets": "vault", "langfuse-stack:vault": str(path)}
    return record({**named, **ALL_ELSEWHERE, **(settings or {})}, tmp_path, monkeypatch)


def test_nothing_of_a_store_is_made_where_it_is_somebody_elses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = elsewhere(tmp_path, monkeypatch)
    assert {entry.name for entry in found.of_type("docker:index/container:Container")} == {
        "langfuse-web",
        "langfuse-worker",
        "relay",
        "relay-proxy",
        "gateway",
    }
    assert [entry.name for entry in found.of_type("docker:index/volume:Volume")] == ["relay-data"]
    assert not [entry.name for entry in found.resources if entry.name.startswith(("bucket-", "minio-gate"))]


def test_on_fly_too_nothing_of_a_store_elsewhere_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prod = {key: value for key, value in read_config(ROOT / "Pulumi.prod.yaml").items() if key not in MANAGED_ONLY}
    here = {"fly:localImages": "rehearse", "langfuse-stack:singleMachine": "true"}
    store = "https://0123.r2.example.com"
    found = elsewhere(tmp_path, monkeypatch, {**prod, **here, "s3:region": "auto", "s3:endpoint": store})
    apps = [entry.name for entry in found.resources if entry.type.startswith("langfuse-stack:fly:App")]
    assert sorted(apps) == ["gateway-app", "langfuse-web-app", "langfuse-worker-app", "relay-app", "relay-proxy-app"]
    assert found.one("s3-gate").inputs["endpoint"] == store


def test_langfuse_speaks_tls_to_a_clickhouse_elsewhere_and_migrates_it_as_one_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = elsewhere(tmp_path, monkeypatch)
    web, worker = found.env("langfuse-web"), found.env("langfuse-worker")
    for env in (web, worker):
        assert env["CLICKHOUSE_URL"] == "https://ch.example.com:8443"
        assert (env["CLICKHOUSE_USER"], env["CLICKHOUSE_PASSWORD"]) == ("jane", "canary/ch")
        assert env["CLICKHOUSE_CLUSTER_ENABLED"] == "false"
    assert web["CLICKHOUSE_MIGRATION_URL"] == "clickhouse://ch.example.com:9440"
    assert web["CLICKHOUSE_MIGRATION_SSL"] == "true"
    gate = found.one("clickhouse-gate").inputs
    assert gate["native_address"] == "clickhouse://ch.example.com:9440?secure=true"
    assert gate["external"] is True
    assert SECRET_MARK in gate["password"]


def test_a_native_port_of_its_own_is_heeded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    native = "clickhouse://ch2.example.com:19440?secure=true"
    web = elsewhere(tmp_path, monkeypatch, CLICKHOUSE_MIGRATION_URL=native).env("langfuse-web")
    assert web["CLICKHOUSE_MIGRATION_URL"] == "clickhouse://ch2.example.com:19440"
    assert web["CLICKHOUSE_MIGRATION_SSL"] == "true"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"s3:region": "eu-central-1"},
            {
                "ENDPOINT": "https://s3.eu-central-1.amazonaws.com",
                "REGION": "eu-central-1",
                "FORCE_PATH_STYLE": "false",
            },
        ),
        (
            {"s3:endpoint": "https://0123.r2.cloudflarestorage.com", "s3:region": "auto", "s3:pathStyle": "false"},
            {
                "ENDPOINT": "https://0123.r2.cloudflarestorage.com",
                "REGION": "auto",
                "FORCE_PATH_STYLE": "false",
            },
        ),
        (
            {"s3:endpoint": "https://ceph.example.com:7480", "s3:prefix": "langfuse/"},
            {"ENDPOINT": "https://ceph.example.com:7480", "FORCE_PATH_STYLE": "true", "PREFIX": "langfuse/"},
        ),
    ],
    ids=["aws", "r2", "ceph"],
)
def test_a_store_elsewhere_reaches_all_three_uses_with_its_region_style_and_prefix(
    settings: dict[str, str], expected: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = elsewhere(tmp_path, monkeypatch, {**settings, "s3:mediaBucket": "my-media"})
    worker = found.env("langfuse-worker")
    whole = {**expected, "ACCESS_KEY_ID": "canary-id", "SECRET_ACCESS_KEY": "canary-secret"}
    for use in ("EVENT_UPLOAD", "MEDIA_UPLOAD", "BATCH_EXPORT"):
        assert {name: worker[f"LANGFUSE_S3_{use}_{name}"] for name in whole} == whole
    assert worker["LANGFUSE_S3_MEDIA_UPLOAD_BUCKET"] == "my-media"
    assert found.env("langfuse-web")["LANGFUSE_S3_MEDIA_UPLOAD_ENDPOINT"] == expected["ENDPOINT"]
    assert found.one("s3-gate").inputs["endpoint"] == expected["ENDPOINT"]


def test_with_a_role_langfuse_gets_no_key_and_its_gate_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = elsewhere(tmp_path, monkeypatch, {"s3:credentials": "role"})
    assert not [name for name in found.env("langfuse-worker") if name.endswith(("ACCESS_KEY_ID", "_ACCESS_KEY"))]
    assert found.one("s3-gate").inputs["access_key"] == ""


def test_a_store_with_a_role_needs_no_vault() -> None:
    found = recorded({"s3:place": "external", "s3:credentials": "role"})
    assert found.one("s3-gate").inputs["secret_key"] == ""
    with pytest.raises(SettingsError, match="s3:place external needs what the vault says"):
        recorded({"s3:place": "external"})


def test_clickhouse_of_the_stacks_own_writes_backups_to_a_store_elsewhere_with_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = elsewhere(tmp_path, monkeypatch, {"clickhouse:place": "managed", "s3:endpoint": "https://s3.example.com"})
    server = found.env("clickhouse")
    assert server["BACKUP_URL"] == "https://s3.example.com/langfuse-backups/"
    assert (server["BACKUP_ACCESS_KEY_ID"], server["BACKUP_SECRET_KEY"]) == ("canary-id", "canary-secret")


def test_a_clickhouse_that_writes_backups_elsewhere_believes_the_own_authority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"langfuse-stack:caBundle": str(authority(tmp_path).certificate), "clickhouse:place": "managed"}
    found = elsewhere(tmp_path, monkeypatch, {**own, "s3:endpoint": "https://s3.example.com"})
    bundle = found.env("clickhouse")["SSL_CERT_FILE"]
    assert bundle in {upload["file"] for upload in found.one("clickhouse").inputs["uploads"]}


def test_where_data_is_elsewhere_is_part_of_what_the_plan_gate_compares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = {"s3:endpoint": "https://s3.example.com", "s3:prefix": "a/"}
    kept = elsewhere(tmp_path, monkeypatch, changed).one("data-keys").inputs["addresses"]
    assert kept["bucket of events"] == "https://s3.example.com/langfuse-events/a/"
    assert kept["clickhouse:database"] == "https://ch.example.com:8443/langfuse"


def test_a_stack_whose_places_are_called_internal_is_the_same_stack() -> None:
    former = {f"{part}:place": "internal" for part in ("clickhouse", "s3", "postgres", "redis")}
    before, after = (
        {(entry.type, entry.name): (entry.inputs, {*entry.depends_on}) for entry in recorded(said).resources}
        for said in (former, {})
    )
    assert before == after
    assert load(former).external == {}
    assert [line.partition(":")[0] for line in renamed(former)] == ["clickhouse", "s3", "postgres", "redis"]
    assert not renamed({"postgres:place": "managed"})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"s3:endpoint": "https://s3.example.com"}, "endpoint say where an external store is"),
        ({"s3:place": "external", "s3:prefix": "no-slash"}, "s3:prefix"),
        ({"s3:place": "external", "s3:eventsBucket": "No_Bucket"}, "s3:eventsBucket"),
        ({"clickhouse:place": "external", "clickhouse:replicas": "2"}, "replicas are servers of the stack's own"),
        ({"redis:place": "elsewhere"}, "redis:place"),
    ],
)
def test_settings_that_nothing_would_heed_are_refused(settings: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(settings)
    assert said in str(caught.value)

"""Variables are required, defaulted and refused as Langfuse does it."""

from __future__ import annotations

from typing import Any

import pytest
from standin.environment import EnvironmentRefusedError
from standin.release import RELEASES, release_named
from standin.settings import Settings, SettingsConflictError, read_settings

NEEDED = {
    "DATABASE_URL": "postgresql://user:secret@db:5432/app?schema=langfuse",
    "NEXTAUTH_URL": "http://langfuse.example.com",
    "NEXTAUTH_SECRET": "secret",
    "SALT": "salt",
    "CLICKHOUSE_URL": "http://clickhouse:8123",
    "CLICKHOUSE_USER": "langfuse",
    "CLICKHOUSE_PASSWORD": "secret",
    "REDIS_CONNECTION_STRING": "redis://:secret@redis:6379/2",
    "LANGFUSE_S3_EVENT_UPLOAD_BUCKET": "events",
}
V4 = "LANGFUSE_MIGRATION_V4_"


def read(role: str = "web", release: str = "3", **changes: str) -> Settings:
    return read_settings(NEEDED | changes, RELEASES[release], role)


def test_what_is_needed_is_enough_and_the_rest_has_langfuses_defaults() -> None:
    settings = read()
    assert settings.clickhouse.database == "default"
    assert settings.events.prefix == ""
    assert not settings.events.path_style
    assert not settings.signup_disabled
    assert settings.queue_delay_ms == 5000
    assert (settings.bind_host, settings.bind_port) == ("0.0.0.0", 3000)  # noqa: S104
    assert read("worker").bind_port == 3030


@pytest.mark.parametrize("name", sorted(NEEDED))
@pytest.mark.parametrize("absence", ["", None])
def test_web_needs_each_of_them_and_an_empty_value_is_none(name: str, absence: str | None) -> None:
    variables = {key: value for key, value in NEEDED.items() if key != name or absence is not None}
    if absence is not None:
        variables[name] = absence
    with pytest.raises(EnvironmentRefusedError) as caught:
        read_settings(variables, RELEASES["3"], "web")
    assert caught.value.names == [name]


@pytest.mark.parametrize("name", ["NEXTAUTH_URL", "NEXTAUTH_SECRET", "SALT"])
def test_the_worker_does_without_what_only_web_needs(name: str) -> None:
    read("worker", **{name: ""})


def test_every_problem_is_named_at_once_and_no_value_is_shown() -> None:
    with pytest.raises(EnvironmentRefusedError) as caught:
        read(SALT="", ENCRYPTION_KEY="hunter2", CLICKHOUSE_CLUSTER_ENABLED="False", PORT="many")
    assert set(caught.value.names) == {"SALT", "ENCRYPTION_KEY", "CLICKHOUSE_CLUSTER_ENABLED", "PORT"}
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("value", ["True", "TRUE", "1", "yes", "0", " true"])
def test_booleans_are_literally_true_or_false(value: str) -> None:
    with pytest.raises(EnvironmentRefusedError, match="Expected 'true'"):
        read(AUTH_DISABLE_SIGNUP=value)


def test_an_encryption_key_is_measured_but_not_read() -> None:
    assert read(ENCRYPTION_KEY="z" * 64).encryption_key == "z" * 64
    for wrong in ("0" * 63, "0" * 65):
        with pytest.raises(EnvironmentRefusedError, match="64 string characters"):
            read(ENCRYPTION_KEY=wrong)


def test_redis_is_one_connection_string_or_a_host_with_companions() -> None:
    redis = read(REDIS_CONNECTION_STRING="rediss://me:p%23w@cache:7000/3?family=6").redis
    assert (redis.host, redis.port, redis.username, redis.password) == ("cache", 7000, "me", "p#w")
    assert (redis.database, redis.tls) == (3, True)
    assert read(REDIS_HOST="ignored").redis.host == "redis"
    redis = read(REDIS_CONNECTION_STRING="", REDIS_HOST="cache", REDIS_PORT="7000", REDIS_AUTH="pw").redis
    assert (redis.host, redis.port, redis.password, redis.tls) == ("cache", 7000, "pw", False)


def test_a_redis_host_without_a_password_sends_the_word_undefined() -> None:
    assert read(REDIS_CONNECTION_STRING="", REDIS_HOST="cache").redis.password == "undefined"


def test_a_redis_key_prefix_takes_the_place_of_the_queues_own() -> None:
    assert read().redis.queue_prefix == "bull"
    assert read(REDIS_KEY_PREFIX="lf:").redis.queue_prefix == "lf:"


@pytest.mark.parametrize(
    "changes",
    [
        {"REDIS_CONNECTION_STRING": "redis"},
        {"REDIS_CONNECTION_STRING": "redis://:a#b@redis:6379"},
        {"REDIS_SOCKET_TIMEOUT_MS": "9999"},
        {"REDIS_CLUSTER_ENABLED": "true"},
        {"REDIS_TLS_ENABLED": "on"},
    ],
)
def test_a_redis_that_cannot_be_meant_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(EnvironmentRefusedError, match="REDIS_"):
        read(**changes)


def test_release_3_writes_legacy_tables_and_release_4_events() -> None:
    three, four = read(release="3").write, read(release="4").write
    assert (three.legacy_tables, three.events_tables) == (True, False)
    assert (four.legacy_tables, four.events_tables) == (False, True)
    dual = {f"{V4}WRITE_MODE": "dual", f"{V4}NATIVE_OTEL_BEHAVIOUR": "dual_write"}
    assert read("worker", "4", **dual).write.legacy_tables
    assert read("worker", "4", **dual).write.events_tables


@pytest.mark.parametrize(
    ("role", "changes"),
    [
        ("worker", {f"{V4}WRITE_MODE": "legacy", f"{V4}NATIVE_OTEL_BEHAVIOUR": "direct"}),
        ("worker", {f"{V4}WRITE_MODE": "legacy"}),
        ("worker", {f"{V4}NATIVE_OTEL_BEHAVIOUR": "dual_write"}),
        ("web", {f"{V4}ALLOW_PREVIEW_OPT_IN": "false"}),
    ],
)
def test_write_mode_variables_that_contradict_each_other_are_refused(role: str, changes: dict[str, str]) -> None:
    with pytest.raises(SettingsConflictError, match=V4):
        read(role, "4", **changes)


def test_web_does_not_look_at_the_workers_otel_behaviour() -> None:
    read("web", "4", **{f"{V4}NATIVE_OTEL_BEHAVIOUR": "dual_write"})


def test_a_prefix_without_its_slash_is_refused() -> None:
    assert read(LANGFUSE_S3_EVENT_UPLOAD_PREFIX="events/").events.prefix == "events/"
    with pytest.raises(EnvironmentRefusedError, match="must end with a slash"):
        read(LANGFUSE_S3_EVENT_UPLOAD_PREFIX="events")


def test_secrets_are_not_in_what_settings_look_like() -> None:
    settings: Any = read(ENCRYPTION_KEY="e" * 64, LANGFUSE_INIT_PROJECT_SECRET_KEY="sk-lf-hidden")
    for secret in ("secret", "e" * 64, "sk-lf-hidden"):
        assert f"'{secret}'" not in repr(settings)


def test_a_release_is_named_by_its_major_or_by_a_full_version() -> None:
    assert release_named("3").shown_version == "3.225.4-standin"
    assert release_named("4.17.1").shown_version == "4.17.1-standin"
    assert release_named("4.17.1").clickhouse_ledger == 46
    with pytest.raises(ValueError, match="doubles 3, 4"):
        release_named("5.0.0")

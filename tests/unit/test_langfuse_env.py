"""Langfuse's environment contract, for both releases."""

import json

import pytest

from tests.unit.recorder import ROOT, Recording, recorded

NAMES = json.loads((ROOT / "components/files/langfuse-env-names.json").read_text())
MEDIA, EXPORTS = "LANGFUSE_S3_MEDIA_UPLOAD_ENDPOINT", "LANGFUSE_S3_BATCH_EXPORT_EXTERNAL_ENDPOINT"
READ_BEFORE_THE_SERVER = {"CLICKHOUSE_MIGRATION_URL", "DIRECT_URL"}
"""Read by web's entrypoint and migration tools."""


@pytest.fixture(params=["3", "4"])
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def stack(release: str) -> Recording:
    return recorded({"langfuse:release": release})


def test_every_emitted_name_is_read_by_the_release(stack: Recording, release: str) -> None:
    """A name that nothing reads is a setting that silently does nothing."""
    known = set().union(*NAMES[release].values())
    emitted = {*stack.env("langfuse-web"), *stack.env("langfuse-worker")}
    assert emitted - READ_BEFORE_THE_SERVER <= known


def test_what_both_services_get_is_equal(stack: Recording) -> None:
    web, worker = stack.env("langfuse-web"), stack.env("langfuse-worker")
    shared = (web.keys() & worker.keys()) - {"PORT", MEDIA}
    assert {name: web[name] for name in shared} == {name: worker[name] for name in shared}
    assert {"SALT", "ENCRYPTION_KEY", "CLICKHOUSE_CLUSTER_ENABLED", "DATABASE_URL", "NEXTAUTH_URL"} <= shared


@pytest.mark.parametrize(
    ("config", "signed_for"),
    [
        ({}, "http://localhost:9090"),
        ({"minio:apiPort": "9999"}, "http://localhost:9999"),
        ({"minio:publicUrl": "https://media.example.com/"}, "https://media.example.com"),
    ],
)
def test_web_signs_links_for_browsers_and_the_worker_reaches_the_store_itself(
    config: dict[str, str], signed_for: str, release: str
) -> None:
    stack = recorded({"langfuse:release": release, **config})
    assert (stack.env("langfuse-web")[MEDIA], stack.env("langfuse-worker")[MEDIA]) == (signed_for, "http://minio:9000")
    assert stack.env("langfuse-worker")[EXPORTS] == signed_for


def test_only_web_can_migrate(stack: Recording) -> None:
    migrating = {"DIRECT_URL", "CLICKHOUSE_MIGRATION_URL"}
    assert migrating <= stack.env("langfuse-web").keys()
    assert not migrating & stack.env("langfuse-worker").keys()


def test_a_single_clickhouse_says_literally_that_it_is_no_cluster(stack: Recording) -> None:
    assert stack.env("langfuse-web")["CLICKHOUSE_CLUSTER_ENABLED"] == "false"


def test_both_database_urls_name_the_dedicated_schema(stack: Recording) -> None:
    web = stack.env("langfuse-web")
    assert web["DATABASE_URL"].endswith("?schema=langfuse")
    assert web["DIRECT_URL"].endswith("?schema=langfuse")


def test_sign_up_is_closed_unless_it_is_opened() -> None:
    closed = recorded({})
    opened = recorded({"langfuse:signUp": "true"})
    assert closed.env("langfuse-web")["AUTH_DISABLE_SIGNUP"] == "true"
    assert opened.env("langfuse-web")["AUTH_DISABLE_SIGNUP"] == "false"


MODE, OTEL = "LANGFUSE_MIGRATION_V4_WRITE_MODE", "LANGFUSE_MIGRATION_V4_NATIVE_OTEL_BEHAVIOUR"
OPT_IN, COPY = "LANGFUSE_MIGRATION_V4_ALLOW_PREVIEW_OPT_IN", "LANGFUSE_BACKGROUND_MIGRATION_V4_ENABLE_HISTORIC_BACKFILL"


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        ("legacy", {OTEL: "dual_write", OPT_IN: "false", COPY: "false"}),
        ("dual", {OTEL: "dual_write", OPT_IN: "true"}),
        ("events_only", {OTEL: "direct", OPT_IN: "true"}),
    ],
)
def test_each_write_mode_of_release_4_is_told_to_both_services_without_contradiction(
    mode: str, told: dict[str, str]
) -> None:
    stack = recorded({"langfuse:release": "4", "langfuse:writeMode": mode})
    for service in ("langfuse-web", "langfuse-worker"):
        env = stack.env(service)
        assert {name: env[name] for name in (MODE, OTEL, OPT_IN, COPY) if name in env} == {MODE: mode, **told}


def test_write_modes_of_release_4_are_consistent() -> None:
    web = recorded({"langfuse:release": "4"}).env("langfuse-web")
    assert web["LANGFUSE_MIGRATION_V4_WRITE_MODE"] == "events_only"
    assert web["LANGFUSE_MIGRATION_V4_NATIVE_OTEL_BEHAVIOUR"] == "direct"


def test_the_gateway_can_never_fall_back_to_a_cloud_host(stack: Recording) -> None:
    gateway = stack.env("gateway")
    assert gateway["LANGFUSE_HOST"] == "http://langfuse-web:3000"
    assert gateway["LANGFUSE_OTEL_HOST"] == "http://relay:4318"


def test_the_gateways_way_past_the_relay_leads_to_web(release: str) -> None:
    gateway = recorded({"langfuse:release": release, "gateway:relayed": "false"}).env("gateway")
    assert gateway["LANGFUSE_HOST"] == gateway["LANGFUSE_OTEL_HOST"] == "http://langfuse-web:3000"


def test_the_gateway_never_sees_langfuses_database(stack: Recording) -> None:
    """LiteLLM migrates whatever DATABASE_URL names."""
    assert not {"DATABASE_URL", "DIRECT_URL"} & stack.env("gateway").keys()

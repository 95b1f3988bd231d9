"""Where the doctor takes addresses and keys from: the settings, or what the gates of the stack's state know."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from checks import tunnels
from ops.doctor import opening
from ops.doctor.access import NOWHERE
from ops.doctor.examine import examine
from ops.doctor.opening import of_session
from ops.doctor.row import Part
from ops.doctor.rows import ROWS
from ops.session import OpsError, Session
from ops.stackfile import read_config
from ops.state import State
from platforms.docker.runtime import DockerRuntime
from platforms.fly.runtime import FlyRuntime
from platforms.spec import Instance
from settings import Settings, load
from settings.recorded import NOTHING
from tests.unit.recorder import ROOT

CLICKHOUSE, MINIO, CACHE = "ch.internal:8123", "minio.internal:9000", "cache.internal:6379"
WAY = ["fly", "proxy", "{port}:1", "-a", "x"]
ADMIN = "postgresql://postgres.abc:canary-admin@db.supabase.example:5432/catalog"
ROLE = "postgresql://langfuse:canary-role@db.supabase.example:5432/catalog?schema=langfuse"
GATES: Mapping[str, Mapping[str, Any]] = {
    "clickhouse-gate": {
        "http_address": CLICKHOUSE,
        "native_address": "ch.internal:9000",
        "user": "langfuse",
        "password": "canary-clickhouse",
        "admin_user": "langfuse_admin",
        "admin_password": "canary-operator",
        "database": "langfuse",
        "tunnels": {CLICKHOUSE: WAY, "ch.internal:9000": WAY},
    },
    "minio-gate": {
        "endpoint": MINIO,
        "access_key": "langfuse-app",
        "secret_key": "canary-store",
        "buckets": ["events", "media", "exports"],
        "tunnels": {MINIO: WAY},
    },
    "langfuse-schema": {"admin_url": ADMIN, "schema": "langfuse"},
    "postgres-gate": {"direct_url": ROLE, "pooled_url": f"{ROLE}&pgbouncer=true", "schema": "langfuse"},
    "redis-gate": {
        "address": CACHE,
        "user": "app",
        "password": "canary-cache",
        "tls": True,
        "tunnels": {CACHE: WAY},
    },
}
GENERATED = ("clickhouse-password", "clickhouse-admin-password", "minio-app-secret-key")
SERVICES = ("clickhouse", "minio", "langfuse-web", "langfuse-worker", "relay", "relay-proxy", "gateway")
RELAY = ("hotdash-langfuse-relay.internal:4318", "hotdash-langfuse-relay.internal:8888")
PROD = read_config(ROOT / "Pulumi.prod.yaml")
ELSEWHERE = {
    "postgres:place": "external",
    "redis:place": "external",
    "redis:keyPrefix": "shared",
    "langfuse-stack:secrets": "vault",
}


def state(*lacking: str, generated: tuple[str, ...] = ()) -> State:
    known = {name: outputs for name, outputs in GATES.items() if name not in lacking}
    known |= {name: {"result": f"canary-{name}"} for name in generated}
    resources = [{"urn": f"urn:pulumi:x::p::t::{name}", "type": "t", "outputs": out} for name, out in known.items()]
    return State({"deployment": {"resources": resources}})


def session(monkeypatch: pytest.MonkeyPatch, settings: Settings, known: State) -> Session:
    made = Session("prod", {}, ROOT / "Pulumi.prod.yaml", known=NOTHING)
    monkeypatch.setitem(made.__dict__, "settings", settings)
    monkeypatch.setattr(opening, "read_state", lambda *_, **__: known)
    return made


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Ways that are opened; those to `closed` do not open."""
    asked: dict[str, Any] = {"closed": set()}

    @contextmanager
    def opened(commands: Mapping[str, Any], **how: Any) -> Iterator[Any]:
        asked.update(how, commands=commands)
        names = {name: f"127.0.0.1:{port}" for port, name in enumerate(commands, 5000) if name not in asked["closed"]}
        back = {here: name for name, here in names.items()}
        yield (lambda value: tunnels._translated(value, names)), (lambda value: tunnels._translated(value, back))

    monkeypatch.setattr(tunnels, "opened", opened)
    return asked


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Services that run."""
    services = set(SERVICES)

    def instances(_: FlyRuntime) -> Mapping[str, list[Instance]]:
        return {
            name: [Instance(name, name, "running" if name in services else "stopped", "-", "")] for name in SERVICES
        }

    monkeypatch.setattr(FlyRuntime, "instances", instances)
    return services


@pytest.mark.usefixtures("running")
def test_on_fly_the_gates_know_where_everything_is_and_how_to_get_in(
    monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any]
) -> None:
    with of_session(session(monkeypatch, load(PROD), state())) as access:
        assert isinstance(access.inspector, FlyRuntime)
        assert access.clickhouse.http_address.startswith("127.0.0.1:")
        assert (access.clickhouse.password, access.operator.password) == ("canary-clickhouse", "canary-operator")
        assert (access.direct_url, access.admin_url) == (ROLE, ADMIN), "a database elsewhere is reached as it is"
        assert (access.redis_user, access.redis_password, access.redis_tls) == ("app", "canary-cache", True)
        assert (access.redis_prefix, access.buckets) == ("langfuse", ("events", "media", "exports"))
        assert access.services == SERVICES
        assert all(url.startswith("http://127.0.0.1:") for url in (access.web_url, access.worker_url))
        assert access.named(access.gateway_url) == "http://hotdash-llm-gateway.internal:4000"
        assert (access.unreached, access.store_is_private, access.limits.run_seconds) == ({}, False, 45)
        assert access.filled("{psql GRANT TEMPORARY ON DATABASE {catalog}}").startswith(
            "`GRANT TEMPORARY ON DATABASE catalog`"
        )
    assert set(asked["commands"]) == {
        *(CLICKHOUSE, "ch.internal:9000", MINIO, CACHE),
        "hotdash-langfuse-web.internal:3000",
        "hotdash-langfuse-worker.internal:3030",
        *RELAY,
        "hotdash-llm-gateway.internal:4000",
    }
    assert asked["partly"]


@pytest.mark.usefixtures("running", "asked")
def test_without_an_address_outside_the_object_store_is_known_to_be_private(monkeypatch: pytest.MonkeyPatch) -> None:
    private = {name: value for name, value in PROD.items() if name != "minio:publicUrl"}
    with of_session(session(monkeypatch, load(private), state())) as access:
        assert access.store_is_private


@pytest.mark.usefixtures("running")
def test_a_way_that_does_not_open_leaves_the_rows_of_its_part_unseen_and_no_others(
    monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any]
) -> None:
    asked["closed"] = {CACHE}
    with of_session(session(monkeypatch, load(PROD), state())) as access:
        assert set(access.unreached) == {Part.REDIS}
        [row] = [entry for entry in ROWS if entry.id == "redis-password"]
        [result] = examine([row], access, seconds=5)
    assert result.verdict == "not seen"
    assert result.evidence.startswith(f"no way to {CACHE} opened")


def test_nobody_waits_for_a_way_to_what_is_known_not_to_run(
    monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any], running: set[str]
) -> None:
    running -= {"langfuse-web", "gateway"}
    with of_session(session(monkeypatch, load(PROD), state())) as access:
        assert set(access.unreached) == {Part.LANGFUSE, Part.GATEWAY}
    waited_for = {"hotdash-langfuse-worker.internal:3030", *RELAY, CLICKHOUSE, "ch.internal:9000", MINIO, CACHE}
    assert set(asked["commands"]) == waited_for


@pytest.mark.usefixtures("running")
def test_what_was_not_put_up_so_far_is_unseen_and_says_so(
    monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any]
) -> None:
    with of_session(session(monkeypatch, load(PROD), state("postgres-gate", "redis-gate"))) as access:
        assert set(access.unreached) == {Part.POSTGRES, Part.REDIS}
        assert "the stack has no postgres-gate yet: run `make up`" in access.unreached[Part.POSTGRES]
        rows = [entry for entry in ROWS if entry.id in {"postgres-version", "redis-version"}]
        results = examine(rows, access, seconds=10)
    assert {result.verdict for result in results} == {"not seen"}
    assert {result.evidence for result in results} == set(access.unreached.values())
    assert CACHE not in asked["commands"]


@pytest.mark.usefixtures("running")
def test_a_stack_that_was_never_put_up_is_refused(monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any]) -> None:
    known = state(*GATES)
    with (
        pytest.raises(OpsError, match="no clickhouse-gate yet: run `make up`"),
        of_session(session(monkeypatch, load(PROD), known)),
    ):
        pass
    assert "commands" not in asked


def test_on_docker_only_what_is_elsewhere_is_taken_from_the_state(
    monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any]
) -> None:
    known = state("minio-gate", generated=GENERATED)
    with of_session(session(monkeypatch, load(ELSEWHERE), known)) as access:
        assert isinstance(access.inspector, DockerRuntime)
        assert access.clickhouse.password == "canary-clickhouse", "the vault's, which the gate was given"
        assert (access.store.endpoint, access.store.secret_key) == ("127.0.0.1:9090", "canary-minio-app-secret-key")
        assert (access.direct_url, access.redis_user, access.redis_prefix) == (ROLE, "app", "shared")
        assert access.services == SERVICES
        assert access.web_url == "http://127.0.0.1:3000"
        assert access.filled("{restart langfuse-web}") == "`docker restart langfuse-langfuse-web`"
    assert set(asked["commands"]) == {CACHE, CLICKHOUSE, "ch.internal:9000"}


def test_a_wrong_key_is_not_tried_where_the_right_one_is_not_known(
    monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any]
) -> None:
    known = state("clickhouse-gate", generated=GENERATED)
    with of_session(session(monkeypatch, load(ELSEWHERE), known)) as access:
        assert (access.clickhouse.password, access.clickhouse.http_address) == ("", f"{NOWHERE}:8123")
        assert set(access.unreached) == {Part.CLICKHOUSE}
    assert asked


def test_on_docker_with_all_stores_of_its_own_no_gate_needs_to_have_opened(
    monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any]
) -> None:
    own = ("langfuse-role-password", "postgres-admin-password", "redis-password")
    known = state(*GATES, generated=(*GENERATED, *own))
    with of_session(session(monkeypatch, load({}), known)) as access:
        assert access.redis_password == "canary-redis-password"
        assert access.limits.run_seconds == 10
    assert asked["commands"] == {}


@pytest.mark.usefixtures("running")
def test_no_key_that_the_state_knows_leaves_a_row(monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any]) -> None:
    with of_session(session(monkeypatch, load(PROD), state())) as access:
        told = repr([access.clickhouse.password, ROLE, ADMIN, "canary-store", "canary-cache", "canary-operator"])
        from checks.base import without_secrets

        assert "canary" not in without_secrets(told, access.secrets)
    assert asked

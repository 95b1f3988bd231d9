"""`localhost` and `host.docker.internal` as addresses of servers: they work from containers, or are refused."""

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest

from tests.unit.recorder import Recording, record
from urls import is_loopback

MACHINE = "host.docker.internal"


def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str = "", **config: str) -> Recording:
    """The program with an external Postgres and Redis at `host`, if one is named."""
    told: dict[str, str] = {key.replace("__", ":"): value for key, value in config.items()}
    if host:
        path = tmp_path / "vault.json"
        login = f"postgresql://app:canary@{host}:5433/app"
        urls = {"SUPABASE_DIRECT_URL": login, "SUPABASE_POOLED_URL": login, "REDIS_URL": f"redis://:canary@{host}:6380"}
        path.write_text(json.dumps(urls))
        path.chmod(0o600)
        told |= {
            "langfuse-stack:secrets": "vault",
            "langfuse-stack:vault": str(path),
            "postgres:place": "external",
            "redis:place": "external",
        }
    return record(told, tmp_path, monkeypatch)


def hosts(recording: Recording, service: str) -> Any:
    return recording.one(service).inputs.get("hosts")


def text(value: Any) -> str:
    return json.dumps(value)


def test_servers_of_this_machine_are_named_for_containers_and_reached_directly_by_the_gates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = started(tmp_path, monkeypatch, MACHINE)
    web = found.env("langfuse-web")
    assert f"@{MACHINE}:5433/" in web["DATABASE_URL"]
    assert f"@{MACHINE}:5433/" in web["DIRECT_URL"]
    assert f"@{MACHINE}:6380" in web["REDIS_CONNECTION_STRING"]
    for service in ("langfuse-web", "langfuse-worker", "gateway"):
        assert hosts(found, service) == [{"host": MACHINE, "ip": "host-gateway"}]
    gate = found.one("postgres-gate").inputs
    assert "@127.0.0.1:5433/" in text(gate["direct_url"])
    assert "@127.0.0.1:5433/" in text(gate["pooled_url"])
    assert "@127.0.0.1:5433/" in text(found.one("langfuse-schema").inputs["admin_url"])
    assert found.one("redis-gate").inputs["address"] == "127.0.0.1:6380"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "db.localhost", "0.0.0.0"])  # noqa: S104 - refused
def test_a_server_at_loopback_is_refused_with_the_address_that_works(
    host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(pulumi.RunError, match=MACHINE) as caught:
        started(tmp_path, monkeypatch, host)
    assert "canary" not in str(caught.value)


def models(address: str) -> str:
    return json.dumps([{"name": "a", "model": "openai/a", "apiBase": address}])


def test_a_model_of_this_machine_is_reached_under_its_name_for_containers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = started(tmp_path, monkeypatch, gateway__models=models(f"http://{MACHINE}:11434"))
    assert hosts(found, "gateway") == [{"host": MACHINE, "ip": "host-gateway"}]


def test_a_stack_that_names_nothing_of_this_machine_has_no_further_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hosts(started(tmp_path, monkeypatch), "gateway") is None


OWN = {
    "model_list": [{"model_name": "a", "litellm_params": {"model": "openai/a", "api_base": "http://localhost:1/v1"}}]
}
SAID = {
    "HTTPS_PROXY": {"langfuse-stack__httpsProxy": "http://localhost:3128"},
    "gateway:models[0].litellm_params.api_base": {"gateway__models": models("http://localhost:11434")},
    "model_list[0].litellm_params.api_base": {"gateway__config": json.dumps(OWN)},
    "OLLAMA_API_BASE": {"gateway__env": '{"OLLAMA_API_BASE": "http://127.0.0.1:11434"}'},
    "AUTH_KEYCLOAK_ISSUER": {"langfuse__extraEnv": '{"AUTH_KEYCLOAK_ISSUER": "http://localhost:8080/realms/a"}'},
    "SMTP_CONNECTION_URL": {"langfuse__secretEnv": '{"SMTP_CONNECTION_URL": "smtp://me:canary@localhost:25"}'},
}


@pytest.mark.parametrize("path", SAID)
def test_a_loopback_address_among_the_settings_is_refused_by_its_path(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(pulumi.RunError, match=MACHINE) as caught:
        started(tmp_path, monkeypatch, **SAID[path])
    assert f"{path}: " in str(caught.value)
    assert "canary" not in str(caught.value)


def test_the_gateways_own_address_may_be_loopback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started(tmp_path, monkeypatch, gateway__env='{"PROXY_BASE_URL": "http://localhost:4000"}')


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        ("LOCALHOST.", True),
        ("127.8.9.1", True),
        ("::", True),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
        ("", False),
    ],
)
def test_loopback_is_known_in_every_form(host: str, is_own: bool) -> None:
    assert is_loopback(host) is is_own

"""Where virtual keys are kept: on the stack's Postgres, or elsewhere, and never in Langfuse's schema."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

import settings as settings_module
from checks.base import CheckFailedError
from checks.http import GatewayProvider
from checks.trace import Gateway
from components.releases import Image
from tests.checks.local_server import Answer, serving
from tests.unit.recorder import Recording, record
from urls import postgres_url

CONFIG = "/etc/litellm/litellm.config.yaml"
OTHER = "postgresql://keys:canary@keys.example.com:5432/keys"


def config_of(recording: Recording) -> Any:
    uploads = {upload["file"]: upload["content"] for upload in recording.one("gateway").inputs["uploads"]}
    return yaml.safe_load(uploads[CONFIG])


def test_without_the_setting_there_is_no_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = record({}, tmp_path, monkeypatch)
    names = {entry.name for entry in found.resources}
    assert not {"gateway-schema", "gateway-database-password", "gateway-database-gate"} & names
    assert "LITELLM_DATABASE_URL" not in found.env("gateway")
    assert "database_url" not in config_of(found)["general_settings"]


def test_its_own_on_the_stacks_postgres_is_data_and_proven_before_the_gateway_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = record({"gateway:database": "internal"}, tmp_path, monkeypatch)
    schema, password = found.one("gateway-schema"), found.one("gateway-database-password")
    for data in (schema, password):
        assert data.protect
        assert data.retain_on_delete
        assert data.delete_hooks
    assert schema.inputs["database"] == "litellm"
    url = postgres_url(found.env("gateway")["LITELLM_DATABASE_URL"])
    assert (url.host, url.path, url.user, dict(url.parameters)) == (
        "postgres",
        "litellm",
        "litellm",
        {"schema": "litellm"},
    )
    langfuse = postgres_url(found.env("langfuse-web")["DATABASE_URL"])
    assert (langfuse.path, langfuse.user, langfuse.password) != (url.path, url.user, url.password)
    assert config_of(found)["general_settings"]["database_url"] == "os.environ/LITELLM_DATABASE_URL"
    assert "gateway-database-gate" in found.one("gateway").depends_on
    assert "gateway-schema" in found.one("gateway-database-gate").depends_on
    assert found.one("gateway-gate").inputs["database"] is True
    assert not {"DATABASE_URL", "DIRECT_URL"} & found.env("gateway").keys()


def test_an_external_one_comes_from_the_settings_or_the_vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"gateway:database": "external", "gateway:databaseUrl": OTHER}
    monkeypatch.setattr("pulumi.runtime.config.is_config_secret", lambda _: True)
    found = record(settings, tmp_path, monkeypatch)
    assert found.env("gateway")["LITELLM_DATABASE_URL"] == OTHER
    assert "gateway-schema" not in {entry.name for entry in found.resources}
    vault = tmp_path / "vault.json"
    vault.write_text(json.dumps({"GATEWAY_DATABASE_URL": OTHER}))
    vault.chmod(0o600)
    told = {"gateway:database": "external", "langfuse-stack:secrets": "vault", "langfuse-stack:vault": str(vault)}
    assert record(told, tmp_path, monkeypatch).env("gateway")["LITELLM_DATABASE_URL"] == OTHER


LANGFUSES = "postgresql://postgres:canary@db.example.com:5432/postgres"
REFUSED: dict[str, dict[str, Any]] = {
    "needs a URL": {"gateway:database": "external"},
    "config set --secret gateway:databaseUrl": {"gateway:database": "external", "gateway:databaseUrl": OTHER},
    "host.docker.internal": {
        "gateway:database": "external",
        "vault": {"GATEWAY_DATABASE_URL": OTHER.replace("keys.example.com", "localhost")},
    },
    "Langfuse's own database and schema": {
        "gateway:database": "external",
        "postgres:place": "external",
        "vault": {
            "SUPABASE_DIRECT_URL": LANGFUSES,
            "SUPABASE_POOLED_URL": LANGFUSES,
            "GATEWAY_DATABASE_URL": f"{LANGFUSES}?schema=langfuse",
        },
    },
    "no Postgres of the stack's own": {
        "gateway:database": "internal",
        "postgres:place": "external",
        "vault": {"SUPABASE_DIRECT_URL": LANGFUSES, "SUPABASE_POOLED_URL": LANGFUSES},
    },
    "take it out, and set gateway:database": {
        "gateway:config": '{"general_settings": {"database_url": "os.environ/MY_URL"}}',
        "gateway:providerKeys": '{"MY_URL": "postgresql://a:canary@b/c"}',
    },
    "DATABASE_URL is set by the stack": {"gateway:providerKeys": '{"DATABASE_URL": "postgresql://a:canary@b/c"}'},
}


@pytest.mark.parametrize("said", REFUSED)
def test_what_cannot_be_is_refused_with_the_way_that_works(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = dict(REFUSED[said])
    if vault := settings.pop("vault", None):
        path = tmp_path / "vault.json"
        path.write_text(json.dumps(vault))
        path.chmod(0o600)
        settings |= {"langfuse-stack:secrets": "vault", "langfuse-stack:vault": str(path)}
    with pytest.raises(pulumi.RunError, match=said) as caught:
        record(settings, tmp_path, monkeypatch)
    assert "canary" not in str(caught.value)


def test_langfuses_database_with_another_schema_may_be_the_gateways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "vault.json"
    urls = dict.fromkeys(("SUPABASE_DIRECT_URL", "SUPABASE_POOLED_URL"), LANGFUSES)
    path.write_text(json.dumps({**urls, "GATEWAY_DATABASE_URL": f"{LANGFUSES}?schema=litellm"}))
    path.chmod(0o600)
    told = {
        "gateway:database": "external",
        "postgres:place": "external",
        "langfuse-stack:secrets": "vault",
        "langfuse-stack:vault": str(path),
    }
    assert "?schema=litellm" in record(told, tmp_path, monkeypatch).env("gateway")["LITELLM_DATABASE_URL"]


def test_an_image_without_prismas_engine_is_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def built(*fields: Any, **more: Any) -> Image:
        return replace(Image(*fields, **more), source="built from packages: litellm")

    monkeypatch.setattr("tests.unit.recorder.Image", built)
    record({}, tmp_path, monkeypatch)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    with pytest.raises(pulumi.RunError, match="no Prisma engine") as caught:
        record({"gateway:database": "internal"}, tmp_path, monkeypatch)
    assert settings_module.NO_ENGINES in str(caught.value)


@pytest.mark.parametrize(("answer", "connected"), [("connected", True), ("Not connected", False), (None, False)])
def test_the_gate_wants_the_database_connected_where_there_is_one(answer: str | None, connected: bool) -> None:
    with serving({"/health/readiness": Answer(body={"status": "healthy", "db": answer})}) as url:
        gateway = Gateway(url, "sk-x")
        if connected:
            gateway.has_database()
        else:
            with pytest.raises(CheckFailedError, match="virtual keys need it"):
                gateway.has_database()
    assert "database" in GatewayProvider.keys

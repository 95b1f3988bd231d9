"""The vault file: what is refused, and that no value is ever shown."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from settings import Vault, VaultError, load, open_vault
from settings.vault import EXAMPLE, FORMER_KEYS
from tests.unit.recorder import ROOT

GOOD: dict[str, Any] = {**json.loads(EXAMPLE.read_text()), "CLICKHOUSE_PASSWORD": "canaryclickhouse0123456789"}
REQUIRED = ["REDIS_URL", "LANGFUSE_DIRECT_URL", "LANGFUSE_DATABASE_URL"]
EXTERNAL = {"postgres:place": "external", "redis:place": "external"}


@pytest.fixture
def vault(tmp_path: Path) -> Callable[..., Path]:
    def write(content: object = None, mode: int = 0o600, **changes: object) -> Path:
        path = tmp_path / "vault.json"
        text = content if isinstance(content, str) else json.dumps(GOOD | changes if content is None else content)
        path.write_text(text)
        path.chmod(mode)
        return path

    return write


def opened(path: Path, **config: str) -> Vault:
    settings = load({"langfuse-stack:secrets": "vault", "langfuse-stack:vault": str(path), **config})
    found, warning = open_vault(settings, dry_run=False)
    assert warning is None
    return found


def refused(path: Path, **config: str) -> str:
    with pytest.raises(VaultError) as caught:
        opened(path, **config)
    return str(caught.value)


def test_a_good_vault_is_read_and_never_printed(vault: Callable[..., Path]) -> None:
    found = opened(vault())
    assert found.clickhouse_password == GOOD["CLICKHOUSE_PASSWORD"]
    assert "canary" not in f"{found!r} {found}"
    assert "example-only" not in repr(found.redis_url)


def test_everything_that_is_missing_is_named_at_once(vault: Callable[..., Path]) -> None:
    message = refused(vault({}), **EXTERNAL)
    assert all(f"{name} is missing" in message for name in REQUIRED)


def test_malformed_keys_are_all_named_and_no_value_is_shown(vault: Callable[..., Path]) -> None:
    message = refused(
        vault(
            CLICKHOUSE_PASSWORD="canary with spaces",
            REDIS_URL="redis://:canary#1@h:6379",
            LANGFUSE_DIRECT_URL="postgresql://u:canary/2@h:5432/p",
            ENCRYPTION_KEY="canary",
            SALT=987654321,
        )
    )
    for name in ("CLICKHOUSE_PASSWORD", "REDIS_URL", "LANGFUSE_DIRECT_URL", "ENCRYPTION_KEY", "SALT"):
        assert name in message
    assert "canary" not in message
    assert "987654321" not in message


def test_an_unknown_key_is_named(vault: Callable[..., Path]) -> None:
    assert "REDIS_UR is not a key of the vault" in refused(vault(REDIS_UR="canary"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o666])
def test_a_vault_that_others_may_read_is_refused(mode: int, vault: Callable[..., Path]) -> None:
    path = vault(mode=mode)
    assert f"`chmod 600 {path}`" in refused(path)


def test_an_absent_vault_says_how_to_make_one(tmp_path: Path) -> None:
    message = refused(tmp_path / "nothing.json")
    assert "llm-gateway-secrets.example.json" in message
    assert "langfuse-stack:vault" in message


def test_a_link_a_folder_and_a_pipe_are_no_vault(vault: Callable[..., Path], tmp_path: Path) -> None:
    link, pipe = tmp_path / "link.json", tmp_path / "pipe"
    link.symlink_to(vault())
    os.mkfifo(pipe, 0o600)
    assert "symbolic link" in refused(link)
    assert "is not a file" in refused(tmp_path)
    assert "is not a file" in refused(pipe)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"canary"', "\x00", '{"SALT": "canary', "[" * 100_000])
def test_garbage_is_refused_without_showing_it(text: str, vault: Callable[..., Path]) -> None:
    message = refused(vault(text))
    assert "vault" in message
    assert "canary" not in message


def test_a_key_that_stands_there_twice_is_refused(vault: Callable[..., Path]) -> None:
    assert "twice" in refused(vault('{"SALT": "canary-one", "SALT": "canary-two"}'))


def test_the_transaction_pooler_is_no_direct_url(vault: Callable[..., Path]) -> None:
    assert "port 6543 is the transaction pooler" in refused(
        vault(LANGFUSE_DIRECT_URL="postgresql://postgres:canary@h:6543/postgres")
    )


def test_both_urls_must_name_one_database_and_one_user(vault: Callable[..., Path]) -> None:
    message = refused(vault(LANGFUSE_DIRECT_URL="postgresql://admin:canary@h:5432/other"))
    assert "different databases" in message
    assert "different users" in message


def test_the_public_address_must_be_the_settings(vault: Callable[..., Path]) -> None:
    message = refused(vault(), **{"langfuse:publicUrl": "https://other.example.com"})
    assert "LANGFUSE_HOST is not langfuse:publicUrl" in message


def test_the_example_serves_previews_and_nothing_else() -> None:
    settings = load({"langfuse-stack:secrets": "vault", "langfuse-stack:vault": str(EXAMPLE)})
    found, warning = open_vault(settings, dry_run=True)
    assert found
    assert "fake values" in str(warning)
    with pytest.raises(VaultError, match="serves previews only"):
        open_vault(settings, dry_run=False)


def test_the_schema_names_the_same_keys_as_the_model_and_the_example_is_of_it() -> None:
    schema = json.loads((ROOT / "vault" / "llm-gateway-secrets.schema.json").read_text())
    fields = {str(field.alias) for field in Vault.model_fields.values()}
    former = {name for name, entry in schema["properties"].items() if entry.get("deprecated")}
    assert former == set(FORMER_KEYS)
    assert set(schema["properties"]) - former == fields
    assert set(GOOD) <= fields


def test_only_what_is_external_must_be_in_the_vault(vault: Callable[..., Path]) -> None:
    only_keys = vault({"PROVIDER_KEYS": {"OPENAI_API_KEY": "canary-key"}})
    assert opened(only_keys).provider_keys == {"OPENAI_API_KEY": "canary-key"}
    only_redis = vault({"REDIS_URL": GOOD["REDIS_URL"]})
    assert opened(only_redis, **{"redis:place": "external"}).redis_url
    message = refused(only_redis, **{"redis:place": "external", "postgres:place": "external"})
    assert "LANGFUSE_DIRECT_URL is missing" in message
    assert "REDIS_URL" not in message


def test_a_salt_of_an_existing_installation_is_taken_whatever_its_length(vault: Callable[..., Path]) -> None:
    assert opened(vault(SALT="my sal")).salt == "my sal"
    assert "SALT must be" in refused(vault(SALT=""))


def test_what_a_provider_calls_a_key_is_taken(vault: Callable[..., Path]) -> None:
    account = {"type": "service_account", "private_key": "-----BEGIN\ncanary\n"}
    values = {"VERTEX_LOCATION": "global", "AWS_REGION_NAME": "eu-west-1", "VERTEX_JSON": account, "TEXT": "two\nlines"}
    found = opened(vault(PROVIDER_KEYS=values)).provider_keys
    assert json.loads(found["VERTEX_JSON"]) == account
    assert {name: found[name] for name in values if name != "VERTEX_JSON"} == {
        name: value for name, value in values.items() if name != "VERTEX_JSON"
    }


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(document=st.dictionaries(st.sampled_from([*REQUIRED, "SALT", "other"]), st.text(max_size=30), max_size=6))
def test_hostile_documents_give_a_clear_refusal(document: dict[str, str], vault: Callable[..., Path]) -> None:
    message = refused(vault(document), **EXTERNAL)
    assert message.startswith("the vault ")
    assert len(message.splitlines()) >= len(REQUIRED) - len(document)

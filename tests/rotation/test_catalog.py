"""What may be rotated, what may not and why, and who holds what the program does not generate."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from ops.rotation.catalog import REFUSED, SECRETS, find
from ops.rotation.held import held, refuse_if_held_elsewhere
from ops.session import RefusedError, Session
from ops.state import State
from settings.groups import Rotatable
from settings.recorded import NOTHING
from tests.unit.recorder import ROOT

REGISTERED = json.loads((ROOT / "tests" / "unit" / "registered.json").read_text())
GENERATED = {name for type_, name, _ in REGISTERED if type_.startswith("random:")}


def test_every_generated_secret_may_be_rotated_or_says_why_not() -> None:
    rotated = {name for secret in SECRETS.values() for name in secret.resources}
    assert rotated | set(REFUSED) == GENERATED
    assert not rotated & set(REFUSED)


def test_the_setting_and_the_catalog_know_the_same_secrets() -> None:
    assert set(SECRETS) == set(get_args(Rotatable))


@pytest.mark.parametrize(("name", "reason"), [("SALT", "every API key"), ("ENCRYPTION_KEY", "cannot be read")])
def test_what_stored_data_depends_on_is_refused_with_the_reason(name: str, reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        find(name)


def test_an_unknown_secret_is_refused_with_those_there_are() -> None:
    with pytest.raises(RefusedError, match=r"use one of clickhouse-password, .*redis-password"):
        find("redis-pasword")


def test_a_name_may_be_spelt_as_the_variable_is() -> None:
    assert find("NEXTAUTH_SECRET").name == "nextauth-secret"


def test_a_pair_of_keys_is_read_whole_from_the_generation_that_was_asked_for() -> None:
    def resource(name: str, **outputs: Any) -> dict[str, Any]:
        return {"urn": f"urn:pulumi:test::p::t::{name}", "outputs": outputs}

    export = [
        resource("langfuse-public-key-2", hex="aa"),
        resource("langfuse-secret-key-2", result={"plaintext": '"bb"'}),
    ]
    state = State({"deployment": {"resources": export}})
    assert SECRETS["langfuse-keys"].values(state, 2) == ("pk-lf-aa", "sk-lf-bb")


def vaulted(tmp_path: Path, **values: str) -> Session:
    """A stack like production, whose vault holds the example's values and these."""
    vault = tmp_path / "vault.json"
    example = json.loads((ROOT / "vault" / "llm-gateway-secrets.example.json").read_text())
    vault.write_text(json.dumps({**example, **values}))
    vault.chmod(0o600)
    file = tmp_path / "settings.yaml"
    text = (ROOT / "Pulumi.prod.yaml").read_text()
    file.write_text(f"{text}\n  langfuse-stack:vault: {vault}\n")
    return Session("prod", {}, file, known=NOTHING)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("clickhouse-password", "CLICKHOUSE_PASSWORD stands in the vault"),
        ("langfuse-keys", "LANGFUSE_PUBLIC_KEY stands in the vault"),
        ("redis-password", "somebody else's server"),
    ],
)
def test_what_people_keep_is_refused_and_says_how_it_is_changed_there(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(RefusedError, match=said) as refused:
        refuse_if_held_elsewhere(vaulted(tmp_path), SECRETS[name])
    assert "make up STACK=prod" in str(refused.value)
    assert "example-only" not in str(refused.value)


@pytest.mark.parametrize("name", ["gateway-master-key", "langfuse-role-password", "minio-app-secret-key"])
def test_what_the_vault_lacks_is_generated_and_rotated_there_too(tmp_path: Path, name: str) -> None:
    assert held(vaulted(tmp_path), SECRETS[name]) is None


def test_what_the_vault_holds_beyond_what_it_must_is_the_vaults(tmp_path: Path) -> None:
    session = vaulted(tmp_path, LITELLM_MASTER_KEY="sk-example-only")
    assert "LITELLM_MASTER_KEY stands in the vault" in str(held(session, SECRETS["gateway-master-key"]))


def test_a_stack_that_generates_everything_rotates_everything(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("config: {}\n")
    assert [held(Session("local", {}, file, known=NOTHING), secret) for secret in SECRETS.values()] == [None] * len(
        SECRETS
    )

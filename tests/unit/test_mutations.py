"""Whatever stands in the settings file or in the vault, what is wrong is one message that an operator can act on."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ops.session import Session
from ops.stackfile import StackFileError
from settings import SettingsError, load
from settings.loading import known_keys
from settings.recorded import NOTHING
from settings.vault import EXAMPLE, VaultError, open_vault
from tests.unit.mutations import DEEP, JSON_SNIPPETS, SNIPPETS, VALUES, altered, as_json
from tests.unit.recorder import ROOT

# Each of two tests for settings, and of two for vaults.
MUTATIONS = hypothesis_settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
FILES = [(ROOT / f"Pulumi.{stack}.yaml").read_bytes() for stack in ("local", "prod")]
VAULT = EXAMPLE.read_bytes()
KEYS: dict[str, Any] = json.loads(VAULT)
PROPERTIES = json.loads((EXAMPLE.parent / "llm-gateway-secrets.schema.json").read_text())["properties"]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGFUSE_STACK_STATE", str(tmp_path / "state"))


def judged(content: bytes) -> str:
    """What the operator is told of a settings file; empty where it can be used."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "Pulumi.test.yaml"
        path.write_bytes(content)
        session = Session("test", {}, path, known=NOTHING)
        try:
            session.engine_settings(running=False).encode()
            assert session.settings
        except (StackFileError, SettingsError) as error:
            return str(error)
    return ""


def opened(content: bytes) -> str:
    """What the operator is told of a vault; empty where it can be used."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vault.json"
        path.touch(mode=0o600)
        path.write_bytes(content)
        chosen = load({"langfuse-stack:vault": str(path), "langfuse:publicUrl": str(KEYS["LANGFUSE_HOST"])})
        try:
            open_vault(chosen, dry_run=False)
        except VaultError as error:
            return str(error)
    return ""


@MUTATIONS
@given(altered(FILES, SNIPPETS))
def test_an_altered_settings_file_is_used_or_refused_with_a_message(content: bytes) -> None:
    judged(content)


@MUTATIONS
@given(st.dictionaries(st.sampled_from(known_keys()), VALUES, min_size=1, max_size=4))
def test_any_value_of_a_setting_is_used_or_refused_with_a_message(config: dict[str, Any]) -> None:
    judged(yaml.safe_dump({"config": config}).encode())
    judged(yaml.safe_dump({"config": {key: json.dumps(value) for key, value in config.items()}}).encode())


@MUTATIONS
@given(altered([VAULT], JSON_SNIPPETS))
def test_an_altered_vault_is_used_or_refused_with_a_message(content: bytes) -> None:
    opened(content)


@MUTATIONS
@given(st.dictionaries(st.sampled_from(sorted(PROPERTIES)), VALUES, min_size=1, max_size=4))
def test_any_value_of_a_vault_is_used_or_refused_with_a_message(values: dict[str, Any]) -> None:
    opened(as_json({**KEYS, **values}))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("true: x", "config has a key that is no text (True): put it into quotes"),
        ("7: x", "config has a key that is no text (int): put it into quotes"),
        ("? [a]\n  : b", "found unhashable key (line 2, column 5)"),
        ("redis:port: &a [*a]", "nests deeper than"),
        ("redis:port: *nowhere", "found undefined alias"),
        ("redis:port: 0x" + "f" * 5000, "config.redis:port has more than 300 digits"),
        ("redis:port: 2001-01-01", "is of a kind that no setting has (date): put it into quotes"),
        ("clickhouse:memoryRatio: .nan", "config.clickhouse:memoryRatio is no finite number"),
        ('langfuse:publicUrl: "\\ud800"', "config.langfuse:publicUrl holds a character that no text can have"),
        ("langfuse:organization: " + "[" * DEEP, "it nests deeper than 20 (line 2, column 46)"),
        ("- " * DEEP, "it nests deeper than 20 (line 2, column "),
        ("langfuse:organization: '" + "[" * DEEP + "'", "langfuse:organization: Input should be"),
        ("nothing: x", "nothing is not a setting"),
    ],
)
def test_what_is_wrong_with_a_settings_file_is_named(line: str, said: str) -> None:
    assert said in judged(f"config:\n  {line}\n".encode())


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"config:\n  a: \xff\n", "it is not UTF-8 at byte 13"), (b"#" * (1 << 21), "is larger than 1048576 bytes")],
)
def test_what_is_no_text_is_named(content: bytes, said: str) -> None:
    assert said in judged(content)


def test_aliases_that_stand_for_too_much_are_refused_before_they_are_written_out() -> None:
    lines = ["a: &a0 [x, x, x, x, x, x, x, x]"]
    lines += [f"b{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 8)}]" for n in range(1, 12)]
    assert "holds more than 20000 values" in judged(("config:\n  " + "\n  ".join(lines)).encode())


def test_an_alias_that_people_use_is_what_it_stands_for() -> None:
    assert judged(b"config:\n  redis:port: &port 6380\n  postgres:port: 5440\n  clickhouse:volumeGb: *port\n") == ""

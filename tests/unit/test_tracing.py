"""Without tracing the gateway serves on and knows nothing of Langfuse; everything else stays as it was."""

import pytest
import yaml

from policy.data_types import DATA_TYPES
from tests.unit.recorder import Recording, recorded


@pytest.fixture
def off() -> Recording:
    return recorded({"gateway:tracing": "false"})


@pytest.fixture
def on() -> Recording:
    return recorded({})


def test_the_gateway_has_no_callback_and_no_langfuse_in_its_environment(off: Recording) -> None:
    [config] = [file["content"] for file in off.one("gateway").inputs["uploads"] if file["file"].endswith(".yaml")]
    assert yaml.safe_load(config)["litellm_settings"]["callbacks"] == []
    assert not [name for name in off.env("gateway") if "LANGFUSE" in name or name.startswith("OTEL")]
    assert "LITELLM_MASTER_KEY" in off.env("gateway")


def test_nothing_but_the_gateway_and_its_proof_changes(on: Recording, off: Recording) -> None:
    before = {(entry.type, entry.name, entry.parent): entry.inputs for entry in on.resources}
    after = {(entry.type, entry.name, entry.parent): entry.inputs for entry in off.resources}
    assert set(before) == set(after)
    changed = {name for (type_, name, parent), inputs in after.items() if inputs != before[type_, name, parent]}
    assert changed == {"gateway", "end-to-end-proof"}
    assert not {type_ for type_, name, _ in after if name in changed} & set(DATA_TYPES)


def test_the_proof_is_told_whether_calls_are_traced(on: Recording, off: Recording) -> None:
    assert on.one("end-to-end-proof").inputs["tracing"] is True
    assert off.one("end-to-end-proof").inputs["tracing"] is False

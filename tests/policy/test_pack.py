"""What holds for every rule of the pack."""

import os
from pathlib import Path

import pytest
from pulumi_policy import EnforcementLevel, Secret, proxy
from pulumi_policy.proxy import unknown_checking_proxy

from ops.preview import ENFORCED
from policy import rules
from policy.rules import RULES
from policy.values import UNKNOWN, plain, revealed
from tests.unit.recorder import ROOT
from toolchain.environment import POLICY_PACK as PACK


def test_every_rule_is_mandatory_and_described_in_one_sentence() -> None:
    for rule in RULES:
        assert rule.enforcement_level is EnforcementLevel.MANDATORY
        assert rule.description.count(".") == 1
        assert rule.description.endswith(".")


def test_one_rule_is_one_module_one_function_and_one_name() -> None:
    modules = {path.stem for path in Path(str(rules.__file__)).parent.glob("*.py")} - {"__init__"}
    assert [rule.name for rule in RULES] == list(dict.fromkeys(rule.name for rule in RULES))
    assert {rule.name.replace("-", "_") for rule in RULES} == modules
    for name in modules:
        assert callable(getattr(getattr(rules, name), name))


def test_every_rule_is_in_the_documentation() -> None:
    text = (ROOT / "docs" / "data-safety.md").read_text()
    assert not [rule.name for rule in RULES if f"`{rule.name}`" not in text]


def test_the_engine_can_start_the_pack_directly() -> None:
    assert os.access(PACK, os.X_OK)
    assert str(PACK) in ENFORCED


@pytest.mark.parametrize("sentinel", sorted(value for name, value in vars(proxy).items() if name.startswith("UNKNOWN")))
def test_an_unknown_value_is_told_and_never_raises(sentinel: str) -> None:
    assert plain(unknown_checking_proxy({"a": [{"b": sentinel}]})) == {"a": [{"b": UNKNOWN}]}


def test_a_secret_is_told_and_can_be_revealed() -> None:
    value = {"a": Secret({"b": "c"}), "d": [1.0, Secret("e")]}
    assert isinstance(plain(value)["a"], Secret)
    assert revealed(value) == {"a": {"b": "c"}, "d": [1.0, "e"]}

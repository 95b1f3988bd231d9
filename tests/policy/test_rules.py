"""Each rule: a compliant resource passes, and each violation has its message."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from pulumi_policy import EnforcementLevel

from policy.data_types import DATA_TYPES
from policy.rules import RULES
from policy.rules.data_protected import data_protected
from policy.rules.image_pinned import CONTAINER, image_pinned

PINNED = "sha256:" + "a" * 64


def resource(type_: str, *, protect: bool = True, props: Mapping[str, Any] | None = None) -> Any:
    """What the engine hands a rule."""
    return SimpleNamespace(
        resource_type=type_, name="thing", urn="urn", props=dict(props or {}), opts=SimpleNamespace(protect=protect)
    )


def violations(rule: Any, args: Any) -> list[str]:
    found: list[str] = []
    rule(args, lambda message, _urn: found.append(message))
    return found


@pytest.mark.parametrize("type_", sorted(DATA_TYPES))
def test_protected_data_is_compliant(type_: str) -> None:
    assert violations(data_protected, resource(type_)) == []


@pytest.mark.parametrize("type_", sorted(DATA_TYPES))
def test_data_without_protection_is_a_violation(type_: str) -> None:
    [message] = violations(data_protected, resource(type_, protect=False))
    assert f"thing is {DATA_TYPES[type_]} and not protected" in message
    assert "components.base.data_options" in message


def test_what_holds_no_data_needs_no_protection() -> None:
    assert violations(data_protected, resource(CONTAINER, protect=False)) == []


@pytest.mark.parametrize("image", [PINNED, f"redis@{PINNED}", f"registry.example.com:5000/team/redis@{PINNED}"])
def test_an_image_named_by_its_content_is_compliant(image: str) -> None:
    assert violations(image_pinned, resource(CONTAINER, props={"image": image})) == []


@pytest.mark.parametrize("image", ["redis", "redis:7", "redis:latest", "sha256:short", None, 7, f"x {PINNED}"])
def test_an_image_named_by_a_tag_is_a_violation(image: object) -> None:
    [message] = violations(image_pinned, resource(CONTAINER, props={"image": image}))
    assert "can change under the same name" in message


def test_every_rule_is_mandatory_and_described_in_one_sentence() -> None:
    for rule in RULES:
        assert rule.enforcement_level is EnforcementLevel.MANDATORY
        assert rule.description.count(".") == 1
        assert rule.description.endswith(".")


def test_rule_names_are_unique() -> None:
    names = [rule.name for rule in RULES]
    assert len(names) == len(set(names))

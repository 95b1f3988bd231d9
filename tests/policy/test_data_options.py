"""`data-protected` and `data-no-delete-before-replace`: how data is declared."""

import pytest

from policy.data_types import DATA_TYPES, what_is
from policy.rules.data_no_delete_before_replace import data_no_delete_before_replace
from policy.rules.data_protected import data_protected
from tests.policy.engine import resource, urn, violations

CONTAINER = "docker:index/container:Container"


@pytest.mark.parametrize("type_", sorted(DATA_TYPES))
def test_protected_data_is_compliant(type_: str) -> None:
    assert violations(data_protected, resource(f"langfuse-stack:index:Part${type_}")) == []


@pytest.mark.parametrize("type_", sorted(DATA_TYPES))
def test_data_without_protection_is_a_violation(type_: str) -> None:
    [message] = violations(data_protected, resource(type_, protect=False))
    assert f"thing is {DATA_TYPES[type_]} and not protected" in message
    assert "components.base.data_options" in message


@pytest.mark.parametrize("type_", sorted(DATA_TYPES))
@pytest.mark.parametrize("option", [None, False])
def test_data_that_is_replaced_before_it_is_deleted_is_compliant(type_: str, option: bool | None) -> None:
    assert violations(data_no_delete_before_replace, resource(type_, delete_before_replace=option)) == []


@pytest.mark.parametrize("type_", sorted(DATA_TYPES))
def test_data_that_is_deleted_before_it_is_replaced_is_a_violation(type_: str) -> None:
    [message] = violations(data_no_delete_before_replace, resource(type_, delete_before_replace=True))
    assert f"thing is {DATA_TYPES[type_]} and has delete_before_replace" in message


@pytest.mark.parametrize("rule", [data_protected, data_no_delete_before_replace])
@pytest.mark.parametrize(
    "type_", [CONTAINER, "command:local:Command", "langfuse-stack:fly:Service$command:local:Command"]
)
def test_what_holds_no_data_may_be_declared_in_any_way(rule: object, type_: str) -> None:
    assert violations(rule, resource(type_, protect=False, delete_before_replace=True)) == []


@pytest.mark.parametrize(
    ("chain", "what"),
    [
        ("docker:index/volume:Volume", "a volume"),
        ("langfuse-stack:index:Minio$docker:index/volume:Volume", "a volume"),
        ("langfuse-stack:index:Minio$langfuse-stack:fly:Volume$command:local:Command", "a volume"),
        ("langfuse-stack:fly:App$command:local:Command", "an app that owns its volumes"),
        ("langfuse-stack:fly:Volume", None),
        ("langfuse-stack:fly:Secrets$command:local:Command", None),
        ("docker:index/volume:Volume$docker:index/container:Container", None),
    ],
)
def test_data_is_told_by_type_and_by_urn(chain: str, what: str | None) -> None:
    assert what_is(chain) == what
    assert what_is(urn(chain)) == what
    assert what_is(urn(chain, "name::with::colons")) == what

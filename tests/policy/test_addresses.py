"""Addresses of data are data: another one leaves everything behind, and reads nothing of it."""

from typing import Any

import pytest

from policy.addresses import DATABASE, DATABASE_GATE, KEEPER, LEFT_BEHIND, moved
from tests.unit.recorder import recorded


def keeper(**addresses: str) -> dict[str, Any]:
    return {"inputs": {"addresses": {name.replace("__", ":"): value for name, value in addresses.items()}}}


def test_the_program_keeps_every_address_and_each_is_explained() -> None:
    kept = recorded({}).one("data-keys").inputs["addresses"]
    assert kept.keys() == LEFT_BEHIND.keys()


@pytest.mark.parametrize(
    ("config", "address", "value"),
    [
        ({"clickhouse:database": "other"}, "clickhouse:database", "other"),
        ({"langfuse:project": '{"id": "other-project"}'}, "langfuse:project", "other-project"),
    ],
)
def test_a_setting_that_leads_elsewhere_changes_an_address(config: dict[str, str], address: str, value: str) -> None:
    before, after = (recorded(settings).one("data-keys").inputs for settings in ({}, config))
    [why] = moved(KEEPER, {"inputs": before}, {"inputs": after})
    assert f"{address} would go from {before['addresses'][address]!r} to {value!r}: {LEFT_BEHIND[address]}" in why


def test_every_changed_address_is_named() -> None:
    found = list(moved(KEEPER, keeper(a="1", b="2", c="3"), keeper(a="1", b="x", c="y")))
    assert [why.split(" ", 1)[0] for why in found] == ["b", "c"]


def test_an_address_that_is_kept_for_the_first_time_is_no_change() -> None:
    assert list(moved(KEEPER, {"inputs": {}}, keeper(a="1"))) == []
    assert list(moved(KEEPER, keeper(a="1"), keeper(a="1", b="2"))) == []


def test_a_state_of_before_addresses_were_kept_knows_the_database_by_its_gate() -> None:
    found = list(moved(DATABASE_GATE, {"inputs": {"database": "langfuse"}}, {"inputs": {"database": "other"}}))
    assert [why.split(" ", 1)[0] for why in found] == [DATABASE]


def test_other_resources_have_no_address() -> None:
    assert list(moved("x:y:Z", {"inputs": {"database": "a"}}, {"inputs": {"database": "b"}})) == []

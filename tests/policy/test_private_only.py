"""`private-only`."""

from pathlib import Path
from typing import Any

import pytest
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from policy.fly import APP, SERVICE, VOLUME
from policy.inventories import FOLDER_VARIABLE, Inventory
from policy.rules.private_only import private_only
from tests.policy.engine import STACK, request, resource, violations

HTTP = {"http_service": {"internal_port": 3000}}
SERVICES = {"services": [{"internal_port": 5432}]}


@pytest.fixture(autouse=True)
def _one_app_has_a_volume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    listed = Inventory({(f"langfuse-stack:index:Minio${VOLUME}", "minio-data"): {"app": "the-store", "name": "data"}})
    (tmp_path / f"{STACK}.json").write_text(listed.as_json())


@pytest.mark.parametrize(
    "args",
    [
        request(APP, {"app": "the-store", "private": True}),
        request(APP, {"app": "the-web", "private": False}),
        request(SERVICE, {"app": "the-store", "data": True, "toml": {"mounts": []}}),
        request(SERVICE, {"app": "the-web", "data": False, "volume": None, "toml": HTTP}),
        resource(SERVICE, {"stdin": UNKNOWN_STRING_VALUE}),
        resource("x:y:Z"),
    ],
)
def test_private_data_and_public_pages_are_compliant(args: Any) -> None:
    assert violations(private_only, args) == []


@pytest.mark.parametrize("private", [False, None, "yes"])
def test_a_data_app_that_is_not_private_is_a_violation(private: object) -> None:
    [message] = violations(private_only, request(APP, {"app": "the-store", "private": private}))
    assert "app the-store holds data and may get public addresses" in message


@pytest.mark.parametrize("toml", [HTTP, SERVICES])
@pytest.mark.parametrize("told", [{"data": True}, {"volume": {"name": "data", "id": "vol_1"}}])
def test_a_data_service_that_publishes_ports_is_a_violation(toml: dict[str, Any], told: dict[str, Any]) -> None:
    [message] = violations(private_only, request(SERVICE, {"app": "the-store", "toml": toml, **told}))
    assert f"fly.toml has {next(iter(toml))}, which the internet can reach" in message


def test_an_app_that_is_not_known_in_a_preview_is_a_violation() -> None:
    [message] = violations(private_only, resource(APP, {"stdin": UNKNOWN_STRING_VALUE}))
    assert "known only after `up`" in message

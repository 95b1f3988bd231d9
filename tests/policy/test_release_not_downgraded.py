"""`release-not-downgraded`."""

from pathlib import Path

import pytest
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from policy.inventories import FOLDER_VARIABLE, Inventory
from policy.rules.release_not_downgraded import WEB, release_not_downgraded
from tests.policy.engine import STACK, resource, violations


def judged(version: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recorded: tuple[str, ...]) -> list[str]:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    (tmp_path / f"{STACK}.json").write_text(Inventory({}, recorded).as_json())
    return violations(release_not_downgraded, resource(WEB, {"version": version}))


@pytest.mark.parametrize("version", ["3.225.4", "3.225.10", "3.300.0", "3.225.4-rc.1"])
def test_the_same_and_newer_versions_of_a_recorded_release_are_compliant(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert judged(version, tmp_path, monkeypatch, ("3.9.0", "3.225.4")) == []


@pytest.mark.parametrize("version", ["3.225.3", "3.30.0", "2.999.0"])
def test_an_older_version_is_a_violation(version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [message] = judged(version, tmp_path, monkeypatch, ("3.9.0", "3.225.4"))
    assert f"Langfuse {version} is older than 3.225.4, which has migrated the data" in message


@pytest.mark.parametrize("recorded", [("3.225.4",), ()])
def test_a_release_nobody_recorded_is_a_violation(
    recorded: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [message] = judged("4.16.0", tmp_path, monkeypatch, recorded)
    assert "release 4 is not recorded" in message
    assert "python -m ops inventory --stack test" in message


@pytest.mark.parametrize("version", [UNKNOWN_STRING_VALUE, "latest", None])
def test_a_version_that_is_none_or_not_known_is_a_violation(
    version: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [message] = judged(version, tmp_path, monkeypatch, ("3.225.4",))
    assert "not a version, or known only after `up`" in message


def test_without_an_inventory_no_version_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    [message] = violations(release_not_downgraded, resource(WEB, {"version": "3.225.4"}))
    assert "stack test has no inventory" in message


def test_what_is_not_web_is_not_judged() -> None:
    assert violations(release_not_downgraded, resource("x:y:Z", {"version": "1"})) == []

"""Which apps a stack may take over: its own, and with the keys of their data those that nobody has marked."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ops import adopt
from ops.adopt import refuse_unowned
from ops.session import RefusedError, Session
from ops.state import State
from settings.recorded import NOTHING
from tests.unit.recorder import ROOT

CLICKHOUSE, WEB = "hotdash-langfuse-clickhouse", "hotdash-langfuse-web"
OURS, THEIRS = "0123456789abcdef", "fedcba9876543210"
EMPTY = State({})
KNOWN = State(
    {
        "deployment": {
            "resources": [
                {"urn": "urn:pulumi:prod::p::random:index/randomId:RandomId::stack-id", "outputs": {"hex": OURS}},
            ]
        }
    }
)
SESSION = Session("prod", {}, ROOT / "Pulumi.prod.yaml", known=NOTHING)
KEYS = {"stack_id": OURS, "salt": "salt", "encryption_key": "key"}


def holds(owner: str = "", *, secrets: bool = True) -> dict[str, Any]:
    names = ["SALT"] * secrets + [f"OWNED_BY_STACK_{owner.upper()}"] * bool(owner)
    return {"machines": [], "volumes": [], "secrets": names}


def judged(
    monkeypatch: pytest.MonkeyPatch,
    apps: Mapping[str, Any],
    state: State = EMPTY,
    vault: Mapping[str, Any] | None = None,
) -> None:
    given = SimpleNamespace(**{name: (vault or {}).get(name) for name in KEYS})
    monkeypatch.setattr(adopt, "ask", lambda *_: {"apps": apps})
    monkeypatch.setattr(adopt, "open_vault", lambda *_, **__: (given, None))
    refuse_unowned(SESSION, state)


@pytest.mark.parametrize(
    ("apps", "state", "vault"),
    [
        ({}, EMPTY, None),
        ({CLICKHOUSE: {"error": "Could not find App"}}, EMPTY, None),
        ({CLICKHOUSE: holds(secrets=False)}, EMPTY, None),
        ({CLICKHOUSE: holds(OURS)}, KNOWN, None),
        ({CLICKHOUSE: holds(OURS), WEB: holds(OURS)}, EMPTY, KEYS),
    ],
)
def test_nothing_an_empty_app_and_its_own_apps_are_the_stacks(
    apps: dict[str, Any], state: State, vault: dict[str, str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged(monkeypatch, apps, state, vault)


@pytest.mark.parametrize("state", [EMPTY, KNOWN])
@pytest.mark.parametrize("vault", [None, KEYS])
def test_another_stacks_app_is_refused_by_name_whatever_the_vault_has(
    state: State, vault: dict[str, str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RefusedError, match=f"{CLICKHOUSE} is of stack {THEIRS}.*nothing was staged"):
        judged(monkeypatch, {CLICKHOUSE: holds(THEIRS), WEB: holds()}, state, vault)


@pytest.mark.parametrize("lacking", sorted(KEYS))
def test_what_nobody_has_marked_takes_every_key_from_the_vault(lacking: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RefusedError, match="STACK_ID, SALT, ENCRYPTION_KEY into the vault"):
        judged(monkeypatch, {WEB: holds()}, KNOWN, {**KEYS, lacking: None})


def test_with_the_keys_the_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RefusedError, match=f"{WEB} exist and hold something.*`python -m ops adopt --apply`"):
        judged(monkeypatch, {WEB: holds()}, EMPTY, KEYS)


def test_a_stack_whose_state_knows_all_its_apps_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    apps = {SESSION.settings.fly_app(service) for service in ("clickhouse", "minio", *adopt.SERVICES)}
    known = [
        {"urn": f"urn:pulumi:prod::p::x$langfuse-stack:fly:App$command:local:Command::{app}-app", "outputs": outputs}
        for app in apps
        for outputs in [{"stdout": f'{{"app": "{app}"}}'}]
    ]
    monkeypatch.setattr(adopt, "ask", lambda *_: pytest.fail("it asked"))
    monkeypatch.setattr(adopt, "open_vault", lambda *_, **__: (SimpleNamespace(stack_id=None), None))
    refuse_unowned(SESSION, State({"deployment": {"resources": known}}))


def test_a_platform_without_apps_has_nothing_to_adopt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "settings.yaml"
    config.write_text("config: {}\n")
    monkeypatch.setattr(adopt, "open_session", lambda *_: Session("local", {}, config, known=NOTHING))
    with pytest.raises(RefusedError, match="is on docker"):
        adopt.adopt("local", None, apply=True, as_json=False)

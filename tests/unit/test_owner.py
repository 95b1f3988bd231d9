"""The owner's password is shown to whoever asks for it on a terminal, and to nobody by accident."""

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ops import owner
from ops.owner import second_owner, sign_in
from ops.session import OpsError, RefusedError, Session
from ops.state import State
from settings import SettingsError, load
from settings.recorded import CONTAINER, NOTHING, STACK, of_resources

PASSWORD = "canary-of-the-owner"
OUTPUTS = {"owner_password": PASSWORD, "owner_email": "ada@example.com", "langfuse_url": "http://localhost:3000"}


class Terminal(io.StringIO):
    """Standard output as a terminal."""

    def isatty(self) -> bool:
        return True


def stack(outputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    session = SimpleNamespace(argv=lambda *words: list(words), json=lambda _argv: outputs)
    monkeypatch.setattr(owner, "open_session", lambda *_: session)


def asked(monkeypatch: pytest.MonkeyPatch, out: io.StringIO, *, to_stdout: bool = False, as_json: bool = False) -> str:
    monkeypatch.setattr("sys.stdout", out)
    owner.owner_password("local", None, to_stdout=to_stdout, as_json=as_json)
    return out.getvalue()


def test_a_terminal_is_shown_address_email_and_password_once(monkeypatch: pytest.MonkeyPatch) -> None:
    stack(OUTPUTS, monkeypatch)
    shown = asked(monkeypatch, Terminal())
    assert [line.split()[-1] for line in shown.splitlines()[:3]] == [
        "http://localhost:3000",
        "ada@example.com",
        PASSWORD,
    ]
    assert shown.count(PASSWORD) == 1


def test_a_password_of_markup_characters_is_shown_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    stack({**OUTPUTS, "owner_password": "[bold]a:b[/]"}, monkeypatch)
    assert "[bold]a:b[/]" in asked(monkeypatch, Terminal())


def test_a_file_or_a_log_gets_nothing_unless_it_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    stack(OUTPUTS, monkeypatch)
    out = io.StringIO()
    with pytest.raises(RefusedError, match="--stdout"):
        asked(monkeypatch, out)
    assert not out.getvalue()
    assert asked(monkeypatch, io.StringIO(), to_stdout=True) == f"{PASSWORD}\n"
    assert json.loads(asked(monkeypatch, io.StringIO(), as_json=True))["password"] == PASSWORD


def test_a_stack_that_is_not_up_yet_has_no_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    stack({}, monkeypatch)
    with pytest.raises(OpsError, match="make up"):
        asked(monkeypatch, Terminal())


@pytest.fixture
def session(tmp_path: Path) -> Session:
    settings = tmp_path / "settings.yaml"
    settings.write_text("config:\n  langfuse:owner:\n    email: ada@example.com\n")
    return Session("prod", {}, settings, known=NOTHING)


def test_up_says_how_to_sign_in_without_the_password(session: Session) -> None:
    assert sign_in(session) == (
        "Sign in   as ada@example.com; `python -m ops owner-password --stack prod` shows the password"
    )
    assert "--stack" not in sign_in(cast("Session", SimpleNamespace(stack="local", settings=session.settings)))


def exported(outputs: dict[str, str]) -> State:
    return State({"deployment": {"resources": [{"type": "pulumi:pulumi:Stack", "urn": "u::s", "outputs": outputs}]}})


@pytest.mark.parametrize("state", [State({}), exported({}), exported({"owner_email": "ada@example.com"})])
def test_nothing_is_said_of_a_first_or_an_unchanged_owner(session: Session, state: State) -> None:
    assert not second_owner(session, state.owner_email)


def test_another_email_is_said_to_make_a_second_owner_before_it_does(session: Session) -> None:
    [said] = second_owner(session, exported({"owner_email": "old@example.com"}).owner_email)
    assert "ada@example.com becomes a second owner" in said
    assert "old@example.com stays" in said


def test_without_a_setting_a_stack_keeps_its_owner_and_a_new_one_has_a_neutral_name() -> None:
    assert load({}, NOTHING).owner_email == "owner@example.com"
    state = [{"type": STACK, "outputs": {"owner_email": "ada@example.com"}}]
    assert load({}, of_resources(state)).owner_email == "ada@example.com"
    named = {"langfuse:owner": '{"email": "new@example.com"}'}
    assert load(named, of_resources(state)).owner_email == "new@example.com"


WEB = {"type": CONTAINER, "outputs": {"envs": ["A=1", "LANGFUSE_INIT_ORG_ID=old", "LANGFUSE_INIT_ORG_NAME=Old = gold"]}}
EXPORTED = {"type": STACK, "outputs": {"organization_id": "first", "organization_name": "The first"}}


@pytest.mark.parametrize(
    ("state", "organization"),
    [
        ([], ("my-organization", "My organization")),
        ([WEB], ("old", "Old = gold")),
        ([WEB, EXPORTED], ("first", "The first")),
        ([{"type": CONTAINER, "outputs": {"envs": {"sealed": "v1:"}}}], ("my-organization", "My organization")),
    ],
)
def test_a_stack_keeps_the_organization_that_it_was_made_with(
    state: list[dict[str, Any]], organization: tuple[str, str]
) -> None:
    found = load({}, of_resources(state)).langfuse.organization
    assert (found.id, found.name) == organization


def test_another_organization_is_refused_and_another_name_is_not() -> None:
    before = of_resources([EXPORTED])
    renamed = load({"langfuse:organization": json.dumps({"name": "New"})}, before).langfuse.organization
    assert (renamed.id, renamed.name) == ("first", "New")
    with pytest.raises(SettingsError, match="is other, and the stack was made with first"):
        load({"langfuse:organization": json.dumps({"id": "other"})}, before)

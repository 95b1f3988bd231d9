"""Whose an app is: what is another stack's or nobody's is left alone, and what was made here is known again."""

import pytest

from platforms.fly.apps import OWNER_VARIABLE, owners
from platforms.fly.errors import FlyError
from tests.fly.driving import KEY, Answer, Caller
from tests.fly.fake.cloud import ORGANIZATION

APP, OURS, THEIRS = "langfuse-clickhouse", "0123456789abcdef", "fedcba9876543210"
REQUEST: Answer = {"app": APP, "org": ORGANIZATION, "private": True}


@pytest.fixture
def caller(monkeypatch: pytest.MonkeyPatch) -> Caller:
    monkeypatch.setenv(OWNER_VARIABLE, OURS)
    return Caller()


def seeded(caller: Caller, *, secret: bool = False, volume: bool = False, owner: str = "") -> Caller:
    caller.cloud.seed_app(APP)
    if secret:
        caller.do("secrets", {"app": APP, "values": {"SALT": "their-salt"}, "hmac_key": KEY})
    if volume:
        caller.cloud.seed_volume(APP, "langfuse_clickhouse_data")
    if owner:
        caller.do("claim", {"app": APP, "owner": owner})
    caller.asked.clear()
    return caller


def marks(caller: Caller) -> set[str]:
    return owners(list(caller.cloud.state["secrets"][APP]))


def test_an_app_is_marked_as_soon_as_it_is_made_and_known_again(caller: Caller) -> None:
    caller.do("app", REQUEST)
    assert marks(caller) == {OURS}
    caller.asked.clear()
    assert caller.do("app", REQUEST)["adopted"] is True
    assert caller.written == []


def test_an_empty_app_that_people_made_first_is_adopted_and_marked(caller: Caller) -> None:
    seeded(caller).do("app", REQUEST)
    assert marks(caller) == {OURS}


@pytest.mark.parametrize("known", [None, {"app": APP}])
def test_another_stacks_app_stops_the_run_before_anything_is_staged(caller: Caller, known: Answer | None) -> None:
    seeded(caller, secret=True, volume=True, owner=THEIRS)
    with pytest.raises(FlyError, match=f"is of stack {THEIRS}, and this is stack {OURS}"):
        caller.do("app", REQUEST, known)
    assert caller.written == []
    with pytest.raises(FlyError, match="is of stack"):
        caller.do("claim", {"app": APP, "owner": OURS})
    assert caller.written == []


@pytest.mark.parametrize(("secret", "volume"), [(True, False), (False, True)])
def test_what_holds_something_and_says_nothing_asks_for_adopt(caller: Caller, *, secret: bool, volume: bool) -> None:
    seeded(caller, secret=secret, volume=volume)
    with pytest.raises(FlyError, match="nothing says whose") as refused:
        caller.do("app", REQUEST)
    assert "python -m ops adopt" in str(refused.value)
    assert "STACK_ID" in str(refused.value)
    assert caller.written == []
    caller.do("claim", {"app": APP, "owner": OURS})
    caller.do("app", REQUEST)
    assert marks(caller) == {OURS}


def test_an_app_that_the_state_knows_is_marked_without_being_asked_for(caller: Caller) -> None:
    """As a former version made it."""
    seeded(caller, secret=True, volume=True).do("app", REQUEST, {"app": APP, "org": ORGANIZATION})
    assert marks(caller) == {OURS}


@pytest.mark.parametrize("owner", ["", "0123456789ABCDEF", "0123", "0123456789abcdefg"])
def test_an_id_that_is_none_is_refused(caller: Caller, owner: str) -> None:
    with pytest.raises(FlyError, match="claim: owner"):
        caller.do("claim", {"app": APP, "owner": owner})

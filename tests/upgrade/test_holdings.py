"""What counts as missing after an upgrade."""

from typing import Any

import pytest

from checks.base import CheckFailedError
from checks.trace import PublicApi
from ops.session import RefusedError
from ops.upgrade import apply, holdings
from ops.upgrade.decide import decide
from ops.upgrade.holdings import Holdings, losses, unreadable
from ops.upgrade.state import changed
from tests.upgrade.cases import FOUR, three, to

BEFORE = Holdings({"traces": 10, "event_log": 0}, {"projects": 2}, ("t1",))
API = PublicApi("http://example.com", "pk", "sk", "")


def test_more_rows_and_an_empty_table_that_is_gone_are_no_losses() -> None:
    assert losses(BEFORE, Holdings({"traces": 11, "events_full": 1}, {"projects": 2}, ())) == []


def test_every_table_with_fewer_rows_is_named() -> None:
    after = Holdings({"traces": 9, "event_log": 0}, {}, ())
    assert losses(BEFORE, after) == ["ClickHouse traces: 9 rows of 10", "Postgres projects: 0 rows of 2"]


@pytest.mark.parametrize(("body", "lost"), [({"id": "t1"}, 0), ({"data": [{"id": "o1"}]}, 0), ({"data": []}, 1)])
def test_a_trace_is_read_back_by_either_path(monkeypatch: pytest.MonkeyPatch, body: Any, lost: int) -> None:
    monkeypatch.setattr(holdings, "READ_SECONDS", 0)
    monkeypatch.setattr(holdings, "answered", lambda *_, **__: body)
    assert len(unreadable(API, "/x/{trace_id}", ("t1",))) == lost


def test_a_trace_that_is_answered_with_an_error_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: str, url: str, fix: str, **__: object) -> None:
        raise CheckFailedError(url, "HTTP 404", fix)

    monkeypatch.setattr(holdings, "READ_SECONDS", 0)
    monkeypatch.setattr(holdings, "answered", gone)
    assert unreadable(API, "/x/{trace_id}", ("t1",)) == ["trace t1 cannot be read: HTTP 404"]


def test_a_step_that_the_settings_do_not_ask_for_is_not_taken() -> None:
    with pytest.raises(RefusedError, match="pulumi config set langfuse:writeMode dual"):
        apply._require(decide(three(), to(FOUR), three().shape))


def test_a_refused_step_is_not_taken_and_says_why() -> None:
    asked = changed(three().shape, version=FOUR, write_mode="events_only", backfill=True)
    with pytest.raises(RefusedError, match="not-next"):
        apply._require(decide(three(), to(FOUR), asked))


def test_where_there_is_nothing_to_upgrade_nothing_is_done() -> None:
    with pytest.raises(RefusedError, match="nothing to upgrade"):
        apply._require(decide(three(), to("3.225.4"), three().shape))

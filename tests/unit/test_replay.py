"""What a replay is asked for, what raw events say of themselves, and the jobs that are made of them."""

from datetime import UTC, datetime, timedelta

import pytest

from ops.replay.jobs import EVENT_QUEUE, OTEL_QUEUE, job
from ops.replay.raw import OTLP, RawEvent, UnreadableError, identity, spans
from ops.replay.tally import DELETED, Tally
from ops.replay.window import SETTLING, window
from ops.session import OpsError

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("start", "moment"),
    [
        ("90m", NOW - timedelta(minutes=90)),
        ("6h", NOW - timedelta(hours=6)),
        ("2d", NOW - timedelta(days=2)),
        ("2026-11-30T09:00", NOW - timedelta(hours=3)),
        ("2026-11-30 12:00:00+03:00", NOW - timedelta(hours=3)),
        ("2026-11-29", datetime(2026, 11, 29, tzinfo=UTC)),
    ],
)
def test_a_start_is_a_moment_in_utc_or_so_long_ago(start: str, moment: datetime) -> None:
    assert window(start, None, NOW).start == moment


def test_without_an_end_what_may_still_be_on_its_way_is_left_out() -> None:
    assert window("1h", None, NOW).end == NOW - SETTLING
    assert window("1h", "10m", NOW).end == NOW - timedelta(minutes=10)


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("yesterday", None, "--from yesterday: give a time as"),
        ("1h", "soon", "--to soon: give a time as"),
        ("99999999999999999d", None, "--from"),
        ("1m", None, "the window is empty"),
        ("2026-12-01", "2026-11-01", "the window is empty: it starts at 2026-12-01T00:00:00Z"),
    ],
)
def test_what_is_no_window_is_said(start: str, end: str | None, said: str) -> None:
    with pytest.raises(OpsError, match=said):
        window(start, end, NOW)


@pytest.mark.parametrize(
    "ids",
    [
        (TRACE, SPAN),
        ({"type": "Buffer", "data": list(bytes.fromhex(TRACE))}, {"type": "Buffer", "data": list(bytes.fromhex(SPAN))}),
        (list(bytes.fromhex(TRACE)), list(bytes.fromhex(SPAN))),
    ],
    ids=["text", "buffer", "numbers"],
)
def test_ids_are_read_in_every_form_that_langfuse_keeps_them_in(ids: tuple[object, object]) -> None:
    trace, span = ids
    content: object = [{"scopeSpans": [{"spans": [{"traceId": trace, "spanId": span}]}, {"spans": None}]}, {}]
    assert list(spans(content)) == [(TRACE, SPAN)]


@pytest.mark.parametrize("content", [None, 1, ["x"], [{"scopeSpans": [{"spans": [{}]}]}], {"a": 1}], ids=str)
def test_what_is_no_request_is_unreadable(content: object) -> None:
    with pytest.raises(UnreadableError):
        list(spans(content))


def test_an_event_says_what_it_is_of_and_of_which_trace() -> None:
    assert identity([{"body": {"id": "o", "traceId": "t"}}]) == ("o", "t")
    assert identity({"body": {"id": "t"}}) == ("t", "t")
    nothing: tuple[object, ...] = ([], [{}], None, "text")
    for content in nothing:
        with pytest.raises(UnreadableError):
            identity(content)


def test_a_request_becomes_the_job_that_langfuses_own_replay_makes() -> None:
    key = f"otel/project/2026/11/30/12/00/{TRACE}.json"
    made = job(OTEL_QUEUE, RawEvent("project", OTLP, key))
    assert made["name"] == made["data"]["name"] == "otel-ingestion-job"
    assert made["data"]["payload"] == {
        "data": {"fileKey": key, "publicKey": ""},
        "authCheck": {"validKey": True, "scope": {"projectId": "project", "accessLevel": "project"}},
        "sdkName": "unknown",
        "sdkVersion": "unknown",
    }
    assert made["opts"]["attempts"] == 6


def test_an_event_becomes_the_job_that_langfuses_own_replay_makes() -> None:
    event = RawEvent("project", "score", "project/score/a/b/1.json", "a/b")
    made = job(EVENT_QUEUE, event)
    assert made["name"] == made["data"]["name"] == "ingestion-job"
    assert made["data"]["payload"] == {
        "data": {
            "type": "score-create",
            "eventBodyId": "a/b",
            "fileKey": "1",
            "bucketPrefix": "project/score/a/b/",
            "ingestionApiKey": "",
            "ingestionSdkName": "unknown",
            "ingestionSdkVersion": "unknown",
        },
        "authCheck": {"validKey": True, "scope": {"projectId": "project"}},
    }
    assert made["opts"]["attempts"] == 5


def test_the_same_raw_event_makes_a_job_of_the_same_id_and_another_makes_another() -> None:
    first, other = (RawEvent("project", OTLP, f"otel/project/{name}.json") for name in ("a", "b"))
    ids = [job(OTEL_QUEUE, event)["opts"]["jobId"] for event in (first, first, other)]
    assert (ids[0] == ids[1], ids[0] == ids[2], ":" in ids[0]) == (True, False, False)


def test_rows_are_counted_once_however_many_raw_events_lack_them() -> None:
    tally, event = Tally(), RawEvent("project", OTLP, "key")
    for _ in range(3):
        tally.missing(event, [("traces", "t"), ("observations", "o")])
    tally.missing(RawEvent("another", OTLP, "key"), [("traces", "t")])
    tally.deleted("project", {"gone"})
    assert tally.distinct == {DELETED: 1, "observations": 1, "traces": 2}
    assert (tally.lost, len(tally.examples)) == (4, 4)

"""How a check runs: deadline, retries, and a message that says what to do and shows no secret."""

import itertools
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pytest

from checks import base
from checks.base import (
    FIRST_PAUSE_SECONDS,
    MAX_PAUSE_SECONDS,
    CheckFailedError,
    CheckProvider,
    Evidence,
    GateClosedError,
    Inputs,
    first_line,
    retry_sequence,
    until_healthy,
    without_secrets,
)
from evidence import FOLDER_VARIABLE


@dataclass
class Clock:
    """Time that passes only when somebody sleeps."""

    now: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(base, "time", clock)
    return clock


def failing(*, final: bool = False) -> Callable[[], None]:
    numbers = iter(range(1000))

    def probe() -> None:
        raise CheckFailedError("SELECT 1", f"try {next(numbers)}", "wait", final=final)

    return probe


def test_a_probe_is_tried_again_until_it_succeeds(clock: Clock) -> None:
    answers: Iterator[Exception | str] = iter(
        [CheckFailedError("a", "b", "c"), CheckFailedError("a", "b", "c"), "well"]
    )

    def probe() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert until_healthy(probe, deadline_seconds=10) == "well"
    assert len(clock.pauses) == 2


def test_a_healthy_server_costs_no_pause(clock: Clock) -> None:
    assert until_healthy(lambda: 7, deadline_seconds=10) == 7
    assert clock.pauses == []


def test_pauses_grow_to_a_bound_and_end_at_the_deadline(clock: Clock) -> None:
    with pytest.raises(CheckFailedError) as last:
        until_healthy(failing(), deadline_seconds=30)
    assert clock.pauses[0] == FIRST_PAUSE_SECONDS
    assert clock.pauses == sorted(clock.pauses)
    assert clock.pauses[-1] == MAX_PAUSE_SECONDS
    assert 30 - MAX_PAUSE_SECONDS <= clock.now <= 30
    assert last.value.seen == f"try {len(clock.pauses)}"


def test_a_final_failure_is_not_waited_for(clock: Clock) -> None:
    with pytest.raises(CheckFailedError, match="try 0"):
        until_healthy(failing(final=True), deadline_seconds=30)
    assert clock.pauses == []


def test_a_probe_that_never_comes_back_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "GRACE_SECONDS", 0.1)
    never = threading.Event()
    with pytest.raises(CheckFailedError, match="does not answer") as given_up:
        until_healthy(never.wait, deadline_seconds=0.1)
    assert given_up.value.final


@pytest.mark.attack(
    "a store answers a gate that was given up",
    layer="deadline of a gate",
    message="does not answer",
    alone=True,
)
@pytest.mark.parametrize(
    ("swallowing", "steps"), [(False, 0), (True, 10_000_000)], ids=["plain", "a library that swallows everything once"]
)
def test_a_probe_that_was_given_up_does_nothing_once_it_is_answered(
    monkeypatch: pytest.MonkeyPatch, steps: int, *, swallowing: bool
) -> None:
    """A server that was paused answers late; what the probe would have written then is not written."""
    monkeypatch.setattr(base, "GRACE_SECONDS", 0.1)
    monkeypatch.setattr(base, "INSIST_SECONDS", 0.01)
    answered, waiting = threading.Event(), threading.Event()
    written: list[str] = []
    threads: list[threading.Thread] = []

    def probe() -> None:
        threads.append(threading.current_thread())
        waiting.set()
        if swallowing:
            with suppress(BaseException):
                answered.wait()
        for step in itertools.count():
            answered.wait()
            if step >= steps:
                written.append("mark")
                return

    with pytest.raises(CheckFailedError, match="does not answer"):
        until_healthy(probe, deadline_seconds=0)
    assert waiting.is_set()
    answered.set()
    threads[0].join(30)
    assert not threads[0].is_alive()
    assert written == []


def test_giving_a_probe_up_interrupts_nothing_that_starts_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of a thread that has ended is given to the next."""
    monkeypatch.setattr(base, "GRACE_SECONDS", 0.001)
    monkeypatch.setattr(base, "INSIST_SECONDS", 0)
    failed: list[object] = []
    monkeypatch.setattr(threading, "excepthook", failed.append)
    finished = []
    for _ in range(100):
        answered = threading.Event()
        with pytest.raises(CheckFailedError, match="does not answer"):
            until_healthy(answered.wait, deadline_seconds=0)
        answered.set()
        later = [threading.Thread(target=lambda: finished.append(sum(range(100)))) for _ in range(10)]
        for thread in later:
            thread.start()
        for thread in later:
            thread.join(30)
    assert failed == []
    assert len(finished) == 1000


def test_two_probes_in_turn_share_one_deadline(clock: Clock) -> None:
    def slow() -> None:
        clock.now += 25

    with pytest.raises(CheckFailedError):
        retry_sequence(slow, failing(), deadline_seconds=30)
    assert clock.now <= 30


def test_the_second_probe_starts_once_the_first_succeeded(clock: Clock) -> None:
    with pytest.raises(CheckFailedError, match="try"):
        retry_sequence(failing(), lambda: pytest.fail("called"), deadline_seconds=5)
    assert retry_sequence(lambda: None, lambda: "second", deadline_seconds=5) == "second"
    assert clock.now <= 5


class Probed(CheckProvider):
    """A check of nothing."""

    label = "gate nothing"
    keys: ClassVar[Sequence[str]] = ("watched",)
    secrets = ("password",)
    outcome: ClassVar[Callable[[Inputs], Evidence]]

    def probe(self, inputs: Inputs) -> Evidence:
        return type(self).outcome(inputs)


@pytest.fixture
def outcome(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Inputs], Evidence]], None]:
    return lambda function: monkeypatch.setattr(Probed, "outcome", staticmethod(function), raising=False)


INPUTS = {"watched": "a", "unwatched": "b", "password": "canary", "deadline_seconds": 0}
Outcome = Callable[[Callable[[Inputs], Evidence]], None]


def test_a_proven_check_returns_its_inputs_and_what_was_seen(outcome: Outcome) -> None:
    outcome(lambda _: {"version": "1"})
    created = Probed().create(dict(INPUTS))
    updated = Probed().update("id", {}, dict(INPUTS))
    for outs in (created.outs, updated.outs):
        assert outs is not None
        assert {name: outs[name] for name in INPUTS} == INPUTS
        assert (outs["result"], outs["evidence"]) == ("ok", {"version": "1"})
        assert outs["checked_at"].endswith("+00:00")


def fails(error: Exception) -> Callable[[Inputs], Evidence]:
    def probe(_: Inputs) -> Evidence:
        raise error

    return probe


def test_a_closed_gate_names_itself_the_probe_what_was_seen_and_the_fix(outcome: Outcome) -> None:
    outcome(fails(CheckFailedError("SELECT 1", "2", "mend it")))
    with pytest.raises(GateClosedError) as closed:
        Probed().run(INPUTS)
    assert str(closed.value) == (
        "gate nothing: not proven after 0 s (deadline 0 s): SELECT 1\n    seen: 2\n    fix:  mend it\n"
        "    then: run the same command again; what is proven stays, and nothing after this gate was started"
    )


def test_an_error_that_nobody_expected_closes_the_gate_with_one_line(outcome: Outcome) -> None:
    outcome(fails(RuntimeError("server said: canary\nand a stack")))
    with pytest.raises(GateClosedError) as closed:
        Probed().run(INPUTS)
    assert str(closed.value).splitlines()[0].endswith("RuntimeError: server said: …")
    assert "and a stack" not in str(closed.value)
    assert closed.value.__cause__ is None


def test_an_update_is_asked_for_by_watched_inputs_alone_and_never_replaces() -> None:
    outs = {**INPUTS, "result": "ok", "evidence": {}, "checked_at": "then"}
    for news, changes in (
        (INPUTS, False),
        ({**INPUTS, "unwatched": "other", "password": "other", "deadline_seconds": 9}, False),
        ({**INPUTS, "watched": "other"}, True),
    ):
        difference = Probed().diff("id", outs, dict(news))
        assert (difference.changes, difference.replaces) == (changes, [])


class Watching(Probed):
    keys = ("watched", "watch")


def test_a_check_sleeps_while_what_it_watches_is_stopped_and_wakes_with_it() -> None:
    """What it knows of its store outlives the stop."""
    known = {**INPUTS, "watch": "container-1", "evidence": {"identity": {"Store": "a"}}}
    for news, changes in (
        ({**INPUTS, "watched": "other"}, False),
        ({**INPUTS, "watch": None}, False),
        ({**INPUTS, "watch": "container-2"}, True),
    ):
        assert Watching().diff("id", known, dict(news)).changes is changes


def test_a_check_that_is_declared_asleep_proves_nothing_and_says_so(outcome: Outcome) -> None:
    outcome(fails(RuntimeError("it was run")))
    outputs = Watching().create(dict(INPUTS)).outs
    assert outputs is not None
    assert (outputs["result"], outputs["evidence"]) == ("stopped", {})


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        ({"Store": "b"}, "the volume holds another server's data: was a, now b"),
        ({}, "was present, now missing: a"),
    ],
)
def test_a_check_is_closed_to_a_store_that_it_does_not_know(outcome: Outcome, seen: dict[str, str], told: str) -> None:
    outcome(lambda _: {"identity": seen})
    with pytest.raises(GateClosedError) as closed:
        Probed().update("id", {"evidence": {"identity": {"Store": "a"}}}, dict(INPUTS))
    assert told in str(closed.value)


@pytest.mark.parametrize("evidence", [None, {}, {"identity": {"Store": "a"}}])
def test_a_check_is_open_to_the_store_that_it_knows_and_to_its_first(
    outcome: Outcome, evidence: dict[str, dict[str, str]] | None
) -> None:
    outcome(lambda _: {"identity": {"Store": "a", "Another": "b"}})
    outputs = Probed().update("id", {"evidence": evidence}, dict(INPUTS)).outs
    assert outputs is not None
    assert outputs["evidence"]["identity"] == {"Store": "a", "Another": "b"}
    assert "known_identity" not in outputs


@pytest.mark.parametrize(
    ("text", "secret", "shown"),
    [
        ("said: pässword of 1", "pässword of 1", "said: …"),
        ("said: p%C3%A4ssword%20of%201", "pässword of 1", "said: …"),
        ("said: p%C3%A4ssword+of+1", "pässword of 1", "said: …"),
        ("said: line", "line\n", "said: …"),
        ("at /x?password=s%40f%2Fe", "postgresql://u:s%40f%2Fe@127.0.0.1:5432/x", "at /x?password=…"),
        ("said: s@f/e", "postgresql://u:s%40f%2Fe@127.0.0.1:5432/x", "said: …"),
        ("said: s@f:e", "postgresql://u:s@f:e@127.0.0.1:5432/x", "said: …"),
        ("at 127.0.0.1:5432", "postgresql://u@127.0.0.1:5432/x", "at 127.0.0.1:5432"),
        ("at 127.0.0.1:5432", "", "at 127.0.0.1:5432"),
    ],
)
def test_a_secret_is_taken_out_in_every_spelling_and_nothing_else(text: str, secret: str, shown: str) -> None:
    assert without_secrets(text, [secret]) == shown


def chained(outer: Exception, cause: Exception) -> Exception:
    try:
        raise outer from cause
    except type(outer) as error:
        return error


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("first line\nsecond line"), "ValueError: first line"),
        (ValueError(), "ValueError"),
        (chained(ValueError("Max retries exceeded"), ConnectionRefusedError(111, "refused")), "[Errno 111] refused"),
    ],
)
def test_an_error_is_told_in_one_line_by_its_cause(error: Exception, text: str) -> None:
    assert first_line(error).endswith(text)
    assert "\n" not in first_line(error)


def test_a_long_error_is_cut() -> None:
    assert len(first_line(ValueError("x" * 10_000))) < 400


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    return tmp_path


def recorded(folder: Path) -> list[dict[str, object]]:
    return [json.loads(path.read_text()) for path in folder.glob("*-gate-*.json")]


def test_a_proven_gate_leaves_a_record_of_what_was_seen(outcome: Outcome, folder: Path) -> None:
    outcome(lambda _: {"version": "1"})
    Probed().run(INPUTS)
    [entry] = recorded(folder)
    assert (entry["name"], entry["result"], entry["evidence"]) == ("gate nothing", "ok", {"version": "1"})


def test_a_closed_gate_leaves_a_record_without_its_secrets(outcome: Outcome, folder: Path) -> None:
    outcome(fails(CheckFailedError("SELECT 1", "canary", "mend it")))
    with pytest.raises(GateClosedError):
        Probed().run(INPUTS)
    [entry] = recorded(folder)
    assert entry["result"] == "failed"
    assert "seen: …" in str(entry["message"])
    assert "canary" not in json.dumps(entry)


def test_a_gate_whose_record_cannot_be_written_stays_closed(outcome: Outcome, folder: Path) -> None:
    outcome(lambda _: {"version": "1"})
    folder.rmdir()
    with pytest.raises(GateClosedError, match=r"proven, but evidence .* cannot be written .No such file"):
        Probed().run(INPUTS)


def test_a_closed_gate_says_both_what_it_saw_and_that_its_record_is_lost(outcome: Outcome, folder: Path) -> None:
    outcome(fails(CheckFailedError("SELECT 1", "2", "mend it")))
    folder.rmdir()
    with pytest.raises(GateClosedError, match=r"(?s)seen: 2.*cannot be written"):
        Probed().run(INPUTS)


def test_a_service_that_ends_again_and_again_is_not_waited_for_and_its_last_words_are_quoted(
    outcome: Outcome, tmp_path: Path
) -> None:
    counter = tmp_path / "restarts"
    counter.write_text("2")
    log = "one\ntwo\n\nready at postgresql://u:canary-of-u@db/x\n" + "key " + "ab" * 32 + "\nError: no such table\n"
    (tmp_path / "log").write_text(log)

    def not_there(_: Inputs) -> Evidence:
        counter.write_text(str(int(counter.read_text()) + 1))
        raise CheckFailedError("GET /", "connection refused", "see its log")

    outcome(not_there)
    commands = {"restarts": ["cat", str(counter)], "logs": ["cat", str(tmp_path / "log")]}
    with pytest.raises(GateClosedError) as closed:
        Probed().run({**INPUTS, **commands, "deadline_seconds": 600})
    said = str(closed.value)
    assert "started again 5 times meanwhile, and ends each time" in said
    assert said.index("log:  ready at postgresql://u:…@db/x") < said.index("log:  Error: no such table")
    assert "log:  key …" in said
    assert "log:  two" not in said


@pytest.mark.parametrize("command", [["cat", "/not/there"], ["echo", "none"], ["/not/there"]])
def test_a_platform_that_does_not_count_restarts_changes_nothing(
    outcome: Outcome, clock: Clock, command: list[str]
) -> None:
    outcome(fails(CheckFailedError("GET /", "connection refused", "see its log")))
    with pytest.raises(GateClosedError, match="connection refused\n"):
        Probed().run({**INPUTS, "restarts": command, "deadline_seconds": 3})
    assert clock.now > 2

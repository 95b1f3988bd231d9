"""The smoke test's verdict when a hop is broken, without services."""

from types import SimpleNamespace
from typing import Any

import pytest

from checks.base import CheckFailedError
from checks.s3 import S3
from ops import report, smoke
from ops.smoke import BrokenHopError
from ops.terminal import Console


class _Answers:
    """Stands for the gateway and the public API."""

    def __init__(self, failing: set[str]) -> None:
        self._failing = failing

    def __getattr__(self, name: str) -> Any:
        def call(*_args: object) -> str:
            if name in self._failing:
                raise CheckFailedError(name, "broken", "mend it", final=True)
            return "fine"

        return call


def access(*failing: str) -> Any:
    answers = _Answers(set(failing))
    login = SimpleNamespace(
        connect=answers.connect if "connect" in failing else lambda: SimpleNamespace(close=lambda: None)
    )
    return SimpleNamespace(gateway=answers, relay=answers, api=answers, login=login, tracing=True)


def test_a_gateway_that_does_not_answer_is_the_first_broken_hop() -> None:
    with pytest.raises(BrokenHopError) as caught:
        smoke.smoke(access("call_smoke"), deadline_seconds=1)
    assert caught.value.hop == "gateway answer"
    assert caught.value.causes == []


def test_services_that_refuse_the_stacks_keys_are_named_as_causes() -> None:
    with pytest.raises(BrokenHopError) as caught:
        smoke.smoke(access("call_smoke", "connect", "keys_accepted"), deadline_seconds=1)
    assert [cause.probe for cause in caught.value.causes] == ["keys_accepted", "connect"]


def test_a_trace_that_web_does_not_take_is_the_first_broken_hop_of_one_sent_without_the_gateway() -> None:
    with pytest.raises(BrokenHopError) as caught:
        smoke.send(access("send_trace", "call_smoke", "ready"), deadline_seconds=1)
    assert (caught.value.hop, caught.value.causes) == ("taken by web", [])


def test_a_relay_that_takes_nothing_is_the_broken_hop_and_named_as_the_cause() -> None:
    with pytest.raises(BrokenHopError) as caught:
        smoke.smoke(access("takes"), deadline_seconds=1)
    assert caught.value.hop == "relay"
    assert [cause.probe for cause in caught.value.causes] == ["takes"]


@pytest.mark.parametrize(("key", "said"), [("", True), ("key", False)])
def test_a_bucket_that_only_the_containers_may_enter_is_said_to_be_unseen(
    monkeypatch: pytest.MonkeyPatch, key: str, *, said: bool
) -> None:
    monkeypatch.setattr(report, "follow_trace", lambda *_args, **_options: [])
    to = access()
    to.store = S3("https://s3.example.com", key, key)
    with (console := Console(width=80)).capture() as printed:
        report.follow(to, console)
    assert ("object in the bucket not seen: web and worker have a role" in printed.get()) == said

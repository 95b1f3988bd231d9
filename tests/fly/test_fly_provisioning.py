"""The whole order of provisioning: interrupted anywhere, repeated, and spied upon."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import pytest

from platforms.fly.errors import FlyError
from tests.fly.driving import APPS, KEY, Answer, Caller, KilledError, provision
from tests.fly.fake.cloud import Cloud

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLS = 48
"""Calls of a whole run; a test checks it."""


def one_of_each(cloud: Cloud) -> None:
    assert sorted(cloud.state["apps"]) == sorted(app for app, _, _ in APPS)
    volumes = [volume["name"] for volume in cloud.state["volumes"].values()]
    assert sorted(volumes) == sorted(volume for _, volume, _ in APPS if volume)
    machines = [machine["app"] for machine in cloud.state["machines"].values()]
    assert sorted(machines) == sorted(app for app, _, _ in APPS)
    statuses = {secret["status"] for secrets in cloud.state["secrets"].values() for secret in secrets.values()}
    assert statuses == {"Deployed"}
    for app, _, values in APPS:
        assert {name: entry["value"] for name, entry in cloud.state["secrets"][app].items()} == dict(values)


def test_a_whole_run_makes_one_of_each_in_the_safe_order() -> None:
    caller = Caller()
    provision(caller.do, {})
    one_of_each(caller.cloud)
    assert len(caller.asked) == CALLS
    first = [line.split()[1:3] for line in caller.written if "langfuse-clickhouse" in line]
    assert [words[0] for words in first] == ["apps", "secrets", "volumes", "deploy"]


def test_command_lines_and_standard_inputs_are_those_on_file(build_folder: Path) -> None:
    """A change of what is asked of Fly is seen in review."""
    caller = Caller()
    provision(caller.do, {})
    asked = [
        {"argv": str(command).replace(str(build_folder), "BUILD"), **({"stdin": stdin} if stdin else {})}
        for command, stdin in zip(caller.asked, caller.stdins, strict=True)
    ]
    on_file = Path(__file__).parent / "contract" / "calls.json"
    assert asked == json.loads(on_file.read_text(encoding="utf-8"))


def test_a_second_run_only_reads() -> None:
    caller, answers = Caller(), dict[str, Answer]()
    provision(caller.do, answers)
    again = Caller(caller.cloud)
    provision(again.do, answers)
    assert again.asked
    assert again.written == []


@pytest.mark.parametrize("step", range(1, CALLS + 1))
def test_killed_after_any_step_a_repeated_run_converges(step: int) -> None:
    cloud, answers = Cloud(), dict[str, Answer]()
    try:
        provision(Caller(cloud, die_after=step).do, answers)
    except KilledError:
        provision(Caller(cloud).do, answers)
    one_of_each(cloud)
    again = Caller(cloud)
    provision(again.do, answers)
    assert again.written == []


SPOILT = ("lost", "crash", "timeout", "garbage", "truncated", "empty", "refused", "rate_limit")


def each_step_spoilt() -> Iterator[Any]:
    """Every way at every step; without the soak tests, each step in one of the ways."""
    for step in range(1, CALLS + 1):
        for number, kind in enumerate(SPOILT):
            quick = step % len(SPOILT) == number
            yield pytest.param(kind, step, marks=() if quick else pytest.mark.soak)


@pytest.mark.parametrize(("kind", "step"), list(each_step_spoilt()))
def test_a_lost_or_spoilt_reply_leaves_one_of_each_in_the_end(kind: str, step: int) -> None:
    cloud, answers = Cloud(), dict[str, Answer]()
    caller = Caller(cloud, faults=[{"kind": kind, "step": step}])
    for _ in range(3):
        try:
            provision(caller.do, answers)
        except FlyError:
            continue
        break
    else:
        pytest.fail("did not converge")
    one_of_each(cloud)


def test_struck_at_each_step_in_turn_the_runs_converge() -> None:
    cloud, answers = Cloud(), dict[str, Answer]()
    caller = Caller(cloud, faults=[{"kind": "lost", "step": "each"}])
    for _ in range(3 * CALLS):
        try:
            provision(caller.do, answers)
        except FlyError:
            continue
        break
    one_of_each(cloud)
    assert set(cloud.state["struck"].values()) - {""} == set(cloud.state["changes"])


def test_everything_that_exists_already_is_adopted() -> None:
    cloud = Cloud()
    for app, volume, _ in APPS:
        cloud.seed_app(app)
        if volume:
            cloud.seed_volume(app, volume)
    caller, answers = Caller(cloud), dict[str, Answer]()
    provision(caller.do, answers)
    one_of_each(cloud)
    assert all(answer["adopted"] for name, answer in answers.items() if name.endswith(("/app", "/volume")))
    assert not [line for line in caller.written if " create " in line]


def spellings(value: str) -> set[str]:
    encoded = base64.b64encode(value.encode()).decode()
    return {value, quote(value, safe=""), quote_plus(value), encoded, json.dumps(value)[1:-1]}


def test_secrets_are_seen_on_standard_input_only(
    tmp_path: Path, build_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    monkeypatch.setenv("LANGFUSE_STACK_EVIDENCE", str(evidence))
    caller, answers = Caller(), dict[str, Answer]()
    provision(caller.do, answers)
    transcripts = [path.read_text() for path in evidence.iterdir()]
    assert len(transcripts) == len(caller.asked)
    rendered = [path.read_text() for path in build_folder.rglob("*") if path.is_file()]
    assert any("mounts" in text for text in rendered)
    seen = "\n".join([*map(str, caller.asked), json.dumps(answers), *transcripts, *rendered])
    canaries = {value for _, _, values in APPS for value in values.values()} | {KEY}
    assert {each for canary in canaries for each in spellings(canary) if each in seen} == set()
    assert all(any(value in text for text in caller.stdins) for _, _, values in APPS for value in values.values())

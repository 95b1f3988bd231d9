"""What is parsed, shown and returned; without servers."""

import io
import json
import subprocess
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from checks.relay import Queue as Held
from ops.capacity import access, clickhouse, command, past, queues, store
from ops.capacity.access import CLICKHOUSE, LOGIN, STORE
from ops.capacity.advice import Advice
from ops.capacity.judge import judge
from ops.capacity.measurement import Day, Disk, Growth, Measurement, Parts, Queue, Rate, Unseen
from ops.capacity.queues import REDIS_GATE
from ops.capacity.report import as_dict, show
from ops.commands import cli
from ops.limits import limits
from ops.session import OpsError, Session
from ops.state import State
from ops.terminal import Console
from platforms.docker.runtime import used_memory
from platforms.errors import PlatformError
from platforms.facts import FACTS
from platforms.spec import Memory
from settings.recorded import NOTHING

GB = 10**9
DAYS = [Day(date(2026, 3, 1) + timedelta(number), 1000, 300 + 10 * number) for number in range(8)]
FOUND = Measurement(
    rate=Rate(5, 4, DAYS, 10_000_000_000),
    queues=[
        Queue("otel-ingestion-queue", 10_000_000, 100, 0, 12_345, 100_000),
        Queue("secondary-llm-as-a-judge-execution-queue", 1, 0, 0, 0, None),
    ],
    disks=[
        Disk("clickhouse", 25 * GB, 2 * GB, Growth(GB, "rows of the last 7 full days")),
        Disk("minio", 25 * GB, 20 * GB, past.UNKNOWN),
    ],
    parts=[Parts("dataset_run_items_rmt", 2000, 900, 10**10, GB, 1000, 3000)],
    memory=[Memory("langfuse-worker", 9 * GB, 10 * GB), Unseen("memory of Redis: TimeoutError: timed out")],
    relay=Held(800_000_000, GB, 0, 0),
)
FINDINGS = judge(FOUND, Advice(FACTS["docker"]), limits())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12.5MiB / 7.5GiB", Memory("web", 13_107_200, 8_053_063_680)),
        ("0B / 0B", Memory("web", 0, None)),
        ("1.2kB / 1TiB", Memory("web", 1200, 1 << 40)),
    ],
)
def test_docker_says_how_much_memory_a_container_has(text: str, expected: Memory) -> None:
    assert used_memory(json.dumps({"Name": "lf-web", "MemUsage": text}), {"lf-web": "web"}) == [expected]


def test_a_size_that_docker_does_not_know_is_not_guessed() -> None:
    with pytest.raises(PlatformError, match="docker stats says --"):
        used_memory(json.dumps({"Name": "lf-web", "MemUsage": "-- / --"}), {"lf-web": "web"})


def test_it_is_shown_at_80_columns_with_every_number_and_what_to_change() -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    show(FOUND, FINDINGS, console)
    shown = console.export_text()
    assert max(map(len, shown.splitlines())) <= 80
    for part in ("10,000,000", "2 days", "28 h", "900 of 1000", "90 %", "busiest hour 370.0/s", "wait for Langfuse"):
        assert part in shown
    assert {finding.id for finding in FINDINGS} == {
        "jobs-failed",
        "relay-queue",
        "events-forecast",
        "queue-waiting",
        "parts",
        "disk-used",
        "disk-forecast",
        "memory",
    }
    assert all(finding.id in shown for finding in FINDINGS)
    assert "could not measure memory of Redis" in shown.replace("\n", " ")


def test_a_calm_stack_is_said_to_be_one() -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    calm = Measurement(Rate(0, 0, [], 0), [], [Disk("minio", GB, GB)], [], [])
    show(calm, judge(calm, Advice(FACTS["docker"]), limits()), console)
    assert "Nothing that was measured calls for a change" in console.export_text()


def test_a_script_gets_all_of_it_and_none_for_what_was_not_measured() -> None:
    document = json.loads(json.dumps(as_dict(FOUND, FINDINGS)))
    assert not document["enough"]
    assert [disk["full_in_days"] for disk in document["disks"]] == [2.0, None]
    assert document["disks"][1]["growth"]["basis"].startswith("growth is not known")
    assert len(document["events"]["days"]) == 8
    blind = as_dict(replace(FOUND, rate=Unseen("a"), queues=Unseen("b"), parts=Unseen("c")), [])
    assert (blind["events"], blind["queues"], blind["parts"]) == (None, None, None)
    assert blind["unseen"][:3] == ["a", "b", "c"]


@pytest.fixture
def on_fly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Settings of a stack on Fly, whose stores all answer that they are calm."""
    file = tmp_path / "settings.yaml"
    file.write_text("config: {langfuse-stack:platform: fly}\n")

    class Known(Session):
        def exists(self) -> bool:
            return True

    def called(argv: object, *_: object, **__: object) -> None:
        raise AssertionError(argv)

    names = ("address", "password", "user", "tls", "endpoint", "root_user", "root_password")
    outputs = dict.fromkeys((*LOGIN, *names), "")
    resources = [
        {"urn": f"urn:pulumi:prod::p::t::{name}", "outputs": outputs} for name in (CLICKHOUSE, REDIS_GATE, STORE)
    ]
    monkeypatch.setattr(subprocess, "run", called)
    monkeypatch.setattr(command, "open_session", lambda stack, path: Known(stack, {}, path, known=NOTHING))
    monkeypatch.setattr(access, "read_state", lambda *_, **__: State({"deployment": {"resources": resources}}))
    monkeypatch.setattr(clickhouse, "rate", lambda *_: Rate(0, 0, [], 0))
    monkeypatch.setattr(clickhouse, "parts", lambda *_: [])
    monkeypatch.setattr(clickhouse, "disks", lambda *_: [Disk("clickhouse", GB, GB)])
    monkeypatch.setattr(clickhouse, "memory", lambda *_: [Memory("clickhouse", 1, GB)])
    monkeypatch.setattr(queues, "queues", lambda *_: [])
    monkeypatch.setattr(queues, "memory", lambda *_: Memory("redis", 1, GB))
    monkeypatch.setattr(store, "disk", lambda *_: Disk("minio", GB, GB))
    return file


def test_on_fly_all_is_seen_and_the_memory_of_machines_is_left_to_its_metrics(on_fly: Path) -> None:
    found = CliRunner().invoke(cli, ["status", "--capacity", "--json", "--config-file", str(on_fly)])
    document = json.loads(found.stdout)
    assert (found.exit_code, document["enough"], document["unseen"]) == (0, True, [])
    assert [memory["of"] for memory in document["memory"]] == ["clickhouse", "redis"]
    [note] = document["notes"]
    assert "Fly's metrics" in note


def test_on_fly_the_report_says_where_the_memory_of_machines_is(on_fly: Path) -> None:
    found = CliRunner().invoke(cli, ["status", "--capacity", "--config-file", str(on_fly)], env={"COLUMNS": "80"})
    assert found.exit_code == 0
    assert "memory of machines: Fly's metrics have it" in found.stdout
    assert "could not measure" not in found.stdout
    assert max(map(len, found.stdout.splitlines())) <= 80


def test_a_stack_that_was_never_put_up_could_not_be_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OpsError("there is no stack")

    monkeypatch.setattr(command, "open_session", refuse)
    found = CliRunner().invoke(cli, ["status", "--capacity"])
    assert (found.exit_code, "there is no stack" in found.output) == (2, True)

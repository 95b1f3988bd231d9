"""What is remembered, parsed, shown and returned; without servers."""

import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from ops.capacity import command, history, measure
from ops.capacity.advice import Advice
from ops.capacity.containers import parsed
from ops.capacity.judge import judge
from ops.capacity.measurement import Day, Disk, Growth, Measurement, Memory, Parts, Queue, Rate, Unseen
from ops.capacity.report import as_dict, show
from ops.commands import cli
from ops.doctor.looks import LookError
from ops.session import OpsError

NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)
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
        Disk("minio", 25 * GB, 20 * GB, Unseen("not enough history: not measured before, 2 days are needed")),
    ],
    parts=[Parts("dataset_run_items_rmt", 2000, 900, 10**10, GB, 1000, 3000)],
    memory=[Memory("langfuse-worker", 9 * GB, 10 * GB), Unseen("memory of Redis: TimeoutError: timed out")],
)
FINDINGS = judge(FOUND, Advice("docker"))


def test_what_a_disk_held_is_remembered_once_in_ten_minutes_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "local.capacity.jsonl"
    for minutes, used in ((0, 1), (5, 2), (11, 3)):
        history.add(path, {"minio": used}, NOW + timedelta(minutes=minutes))
    assert history.read(path) == {"minio": [(NOW, 1), (NOW + timedelta(minutes=11), 3)]}
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_old_is_forgotten_and_what_is_broken_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    old, recent = (json.dumps({"at": (NOW - timedelta(days=d)).isoformat(), "used": {"minio": d}}) for d in (61, 2))
    path.write_text(f'{old}\nnot JSON\n{{"at": 3}}\n[]\n{recent}\n{{"at": "2026')
    history.add(path, {"minio": 7}, NOW)
    assert [used for _, used in history.read(path)["minio"]] == [2, 7]
    assert len(path.read_text().splitlines()) == 2


def test_where_nothing_can_be_remembered_the_growth_is_unknown_and_the_reason_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "x.jsonl"
    growth = measure._growth_of_disks({"minio": 1}, path, NOW)["minio"]
    assert growth == Unseen(f"not enough history: {path} cannot be written: File exists")


def test_nothing_is_remembered_where_no_disk_was_seen(tmp_path: Path) -> None:
    history.add(tmp_path / "x.jsonl", {}, NOW)
    assert not (tmp_path / "x.jsonl").exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12.5MiB / 7.5GiB", Memory("web", 13_107_200, 8_053_063_680)),
        ("0B / 0B", Memory("web", 0, None)),
        ("1.2kB / 1TiB", Memory("web", 1200, 1 << 40)),
    ],
)
def test_docker_says_how_much_memory_a_container_has(text: str, expected: Memory) -> None:
    assert parsed(json.dumps({"Name": "lf-web", "MemUsage": text}), {"lf-web": "web"}) == [expected]


def test_a_size_that_docker_does_not_know_is_not_guessed() -> None:
    with pytest.raises(LookError, match="docker stats says --"):
        parsed(json.dumps({"Name": "lf-web", "MemUsage": "-- / --"}), {"lf-web": "web"})


def test_it_is_shown_at_80_columns_with_every_number_and_what_to_change() -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    show(FOUND, FINDINGS, console)
    shown = console.export_text()
    assert max(map(len, shown.splitlines())) <= 80
    for part in ("10,000,000", "2 days", "28 h", "900 of 1000", "90 %", "busiest hour 370.0/s"):
        assert part in shown
    assert {finding.id for finding in FINDINGS} == {
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
    show(calm, judge(calm, Advice("docker")), console)
    assert "Nothing that was measured calls for a change" in console.export_text()


def test_a_script_gets_all_of_it_and_none_for_what_was_not_measured() -> None:
    document = json.loads(json.dumps(as_dict(FOUND, FINDINGS)))
    assert not document["enough"]
    assert [disk["full_in_days"] for disk in document["disks"]] == [2.0, None]
    assert document["disks"][1]["growth"]["basis"].startswith("not enough history")
    assert len(document["events"]["days"]) == 8
    blind = as_dict(replace(FOUND, rate=Unseen("a"), queues=Unseen("b"), parts=Unseen("c")), [])
    assert (blind["events"], blind["queues"], blind["parts"]) == (None, None, None)
    assert blind["unseen"][:3] == ["a", "b", "c"]


def test_a_stack_that_was_never_put_up_could_not_be_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OpsError("there is no stack")

    monkeypatch.setattr(command, "open_session", refuse)
    found = CliRunner().invoke(cli, ["status", "--capacity"])
    assert (found.exit_code, "there is no stack" in found.output) == (2, True)

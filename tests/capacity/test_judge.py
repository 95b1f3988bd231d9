"""What numbers call for a change, which one, and that it exists."""

import re
from dataclasses import replace
from datetime import date, timedelta

import pytest

from checks.relay import Queue as Held
from ops.capacity.advice import CONCURRENCY, Advice
from ops.capacity.judge import Finding, judge
from ops.capacity.measurement import Day, Disk, Growth, Measurement, Parts, Queue, Rate, Unseen, of_one_machine
from ops.doctor.rows.settings import known
from ops.limits import limits
from platforms.facts import FACTS
from platforms.spec import Memory
from settings.loading import known_keys
from tests.doctor.test_rows import DESTRUCTIVE

GB = 10**9
OFF = Unseen("off")
CALM = Measurement(
    rate=Rate(5, 4, [], 1000),
    queues=[Queue("otel-ingestion-queue", 0, 1, 0, 0, None)],
    disks=[Disk("clickhouse", 25 * GB, 20 * GB), Disk("minio", 25 * GB, 20 * GB)],
    parts=[Parts("traces", 20, 12, 1000, GB, 1000, 3000)],
    memory=[Memory("clickhouse", GB, 8 * GB), Memory("redis server", GB, None)],
)


def week(first: float, more: float) -> list[Day]:
    """Busiest hours that grow by `more` a day."""
    return [Day(date(2026, 3, 1) + timedelta(number), 1, first + more * number) for number in range(8)]


def disk(used: float, growth: Growth | Unseen) -> Disk:
    return Disk("minio", 25 * GB, round((25 - used) * GB), growth)


CASES = {
    "half of the relay's queue waits": (replace(CALM, relay=Held(512, 1024, 0, 0)), {}),
    "more than half of the relay's queue waits": (
        replace(CALM, relay=Held(513 * 10**6, 1024 * 10**6, 0, 0)),
        {"relay-queue": "513 of 1,024 MB wait for Langfuse"},
    ),
    "the relay refused spans": (replace(CALM, relay=Held(0, 1024, 7, 0)), {"relay-refused": "7 spans"}),
    "what Langfuse refused is no want of capacity": (replace(CALM, relay=Held(0, 1024, 0, 7)), {}),
    "the relay does not answer": (replace(CALM, relay=OFF), {}),
    "above 500 events/s over five minutes": (replace(CALM, rate=Rate(501, 9, [], 1)), {"events-per-second": "501"}),
    "above 500 events/s over the hour": (replace(CALM, rate=Rate(9, 500.5, [], 1)), {"events-per-second": "500"}),
    "exactly 500": (replace(CALM, rate=Rate(500, 500, [], 1)), {}),
    "500 events/s within the month": (
        replace(CALM, rate=Rate(9, 9, week(300, 10), 1)),
        {"events-forecast": r"busiest hour 370 events/s, \+10.0 a day"},
    ),
    "500 events/s next year": (replace(CALM, rate=Rate(9, 9, week(100, 1), 1)), {}),
    "fewer events every day": (replace(CALM, rate=Rate(9, 9, week(400, -10), 1)), {}),
    "too few days for a trend": (replace(CALM, rate=Rate(9, 9, week(300, 10)[:6], 1)), {}),
    "too many events are said once": (
        replace(CALM, rate=Rate(600, 600, week(300, 10), 1)),
        {"events-per-second": "600"},
    ),
    "many jobs wait": (
        replace(CALM, queues=[Queue("otel-ingestion-queue-1", 1001, 5, 0, 0, 3)]),
        {"queue-waiting": "1001 jobs wait"},
    ),
    "a job waits long": (
        replace(CALM, queues=[Queue("trace-upsert", 1, 0, 0, 0, 301)]),
        {"queue-waiting": "the oldest for 301 s"},
    ),
    "delayed jobs are no want of capacity": (
        replace(CALM, queues=[Queue("evaluation", 0, 0, 9000, 0, None)]),
        {},
    ),
    "jobs that failed for good": (
        replace(CALM, queues=[Queue("otel-ingestion-queue-2", 0, 0, 0, 1, None)]),
        {"jobs-failed": "otel-ingestion-queue-2: 1 jobs failed for good"},
    ),
    "many parts": (
        replace(CALM, parts=[Parts("traces", 900, 500, 1, 1, 1000, 3000)]),
        {"parts": "500 parts in one partition"},
    ),
    "a full disk": (replace(CALM, disks=[disk(21, Unseen("new"))]), {"disk-used": "84 % of 25,000 MB"}),
    "full within the month": (
        replace(CALM, disks=[disk(10, Growth(GB, "rows"))]),
        {"disk-forecast": r"\+1,000 MB a day \(rows\)"},
    ),
    "full in a year": (replace(CALM, disks=[disk(10, Growth(0.04 * GB, "rows"))]), {}),
    "a disk that shrinks": (replace(CALM, disks=[disk(10, Growth(-GB, "rows"))]), {}),
    "full, and growing": (
        replace(CALM, disks=[disk(24, Growth(GB, "rows"))]),
        {"disk-used": "96 %", "disk-forecast": "96 %"},
    ),
    "memory near its limit": (
        replace(CALM, memory=[Memory("redis server", 86, 100), Memory("langfuse-web", 85, 100)]),
        {"memory": "redis server"},
    ),
    "nothing was measured": (Measurement(OFF, OFF, [OFF], OFF, [OFF]), {}),
    "a calm stack": (CALM, {}),
}


@pytest.mark.parametrize("case", CASES)
def test_what_calls_for_a_change(case: str) -> None:
    found, expected = CASES[case]
    findings = judge(found, Advice(FACTS["docker"]), limits())
    assert [finding.id for finding in findings] == list(expected)
    for finding in findings:
        assert re.search(expected[finding.id], finding.seen)


def test_a_forecast_says_in_how_many_days() -> None:
    [full] = judge(replace(CALM, disks=[disk(10, Growth(GB, "rows"))]), Advice(FACTS["docker"]), limits())
    assert full.means == "full in 15 days"
    [events] = judge(replace(CALM, rate=Rate(9, 9, week(300, 10), 1)), Advice(FACTS["docker"]), limits())
    assert events.means == "500 events/s in 13 days"


def test_what_was_not_measured_is_listed_with_the_reason() -> None:
    assert CALM.unseen == []
    assert CASES["nothing was measured"][0].unseen == ["off"] * 5
    assert replace(CALM, disks=[disk(1, Unseen("not enough history"))]).unseen == []


def everything(platform: str) -> list[Finding]:
    return [finding for found, _ in CASES.values() for finding in judge(found, Advice(FACTS[platform]), limits())]


@pytest.mark.parametrize("platform", ["docker", "fly"])
def test_every_setting_that_is_to_be_changed_exists_and_nothing_takes_data_away(platform: str) -> None:
    for finding in everything(platform):
        assert not DESTRUCTIVE.search(finding.change)
        for quoted in re.findall(r"`([^`]+)`", finding.change):
            words = quoted.split()
            if words[:3] == ["pulumi", "config", "set"]:
                assert words[3] in known_keys()
            elif ":" in words[0]:
                assert words[0] in known_keys()
            else:
                assert words[0] in {"make", "python"}


def test_every_variable_it_names_is_one_that_the_worker_reads() -> None:
    for release in ("3", "4"):
        names = known(release)
        assert set(CONCURRENCY.values()) <= names
        for finding in everything("docker"):
            assert set(re.findall(r"\bLANGFUSE_[A-Z_]+", finding.change)) <= names


def test_on_fly_a_volume_is_to_grow_by_half() -> None:
    [finding] = judge(replace(CALM, disks=[disk(21, Unseen("new"))]), Advice(FACTS["fly"]), limits())
    assert "`pulumi config set minio:volumeGb 38`" in finding.change


def test_a_disk_that_two_stores_share_is_told_once_whether_reserved_blocks_count_or_not() -> None:
    of_clickhouse, of_minio = Disk("clickhouse", 100 * GB, 10 * GB), Disk("minio", 95 * GB, 10 * GB)
    [shared] = of_one_machine([of_clickhouse, Unseen("away"), of_minio])[:1]
    assert shared == Disk("clickhouse, minio", 95 * GB, 10 * GB)
    assert of_one_machine([of_clickhouse, of_minio])[1:] == []
    assert of_one_machine([of_clickhouse, Disk("minio", 36 * GB, 10 * GB)]) == [
        Disk("clickhouse, minio", 36 * GB, 10 * GB)
    ]


@pytest.mark.parametrize("other", [Disk("minio", 100 * GB, 40 * GB), Disk("minio", 50 * GB, 11 * GB), Unseen("away")])
def test_disks_that_differ_are_told_apart(other: Disk | Unseen) -> None:
    disks = [Disk("clickhouse", 100 * GB, 10 * GB), other]
    assert of_one_machine(disks) == disks

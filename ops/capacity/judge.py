"""What the numbers mean: what is, or will soon be, too much for the stack as it is, and what to change."""

from collections.abc import Iterator
from dataclasses import dataclass

from checks.relay import Queue as Held
from ops.capacity.advice import Advice
from ops.capacity.forecast import days_until, trend
from ops.capacity.measurement import DELETION_QUEUES, Disk, Growth, Measurement, Parts, Queue, Rate, seen
from ops.limits import Limits
from platforms.spec import Memory

MEGABYTE = 1e6


@dataclass(frozen=True)
class Finding:
    """Something that calls for a change."""

    id: str
    seen: str
    means: str
    change: str


def judge(found: Measurement, advice: Advice, limits: Limits) -> list[Finding]:
    """What calls for a change, in the order of a job's way through the stack.

    Args:
        found: what was measured.
        advice: what to change on this stack's platform.
        limits: of the stack.
    """
    rate = found.rate if isinstance(found.rate, Rate) else None
    return [
        *(_relay(found.relay, limits) if isinstance(found.relay, Held) else ()),
        *(_rate(rate, advice, limits) if rate else ()),
        *(entry for queue in seen(found.queues) for entry in _queue(queue, advice, limits)),
        *(entry for parts in seen(found.parts) for entry in _parts(parts, advice, limits)),
        *(entry for disk in seen(found.disks) for entry in _disk(disk, advice, limits)),
        *(entry for memory in seen(found.memory) for entry in _memory(memory, advice, limits)),
    ]


def _relay(held: Held, limits: Limits) -> Iterator[Finding]:
    more = "mend what keeps web from taking it: `make doctor`; `pulumi config set relay:queueMb <more>`, then `make up`"
    if held.percent > limits.relay_percent:
        yield Finding(
            "relay-queue",
            f"relay: {held.waiting / MEGABYTE:,.0f} of {held.capacity / MEGABYTE:,.0f} MB wait for Langfuse",
            "when it is full, senders are refused; until then nothing is lost",
            more,
        )
    if held.refused:
        yield Finding(
            "relay-refused", f"relay: {held.refused} spans since its start", "it was full: senders were told", more
        )


def _rate(rate: Rate, advice: Advice, limits: Limits) -> Iterator[Finding]:
    most = max(rate.last_minutes, rate.last_hour)
    if most > limits.events_per_second:
        yield Finding(
            "events-per-second",
            f"{rate.last_minutes:.0f} events/s over 5 minutes, {rate.last_hour:.0f} over the last hour",
            f"more than {limits.events_per_second:.0f} events/s: more than one ClickHouse and one worker are to take",
            advice.cluster,
        )
        return
    growth = trend(rate.days)
    if not isinstance(growth, Growth):
        return
    busiest = max(day.busiest_hour for day in rate.days)
    days = days_until(busiest, limits.events_per_second, growth.per_day)
    if days is not None and days <= limits.forecast_days:
        yield Finding(
            "events-forecast",
            f"busiest hour {busiest:.0f} events/s, {growth.per_day:+.1f} a day ({growth.basis})",
            f"{limits.events_per_second:.0f} events/s in {days:.0f} days",
            advice.cluster,
        )


def _queue(queue: Queue, advice: Advice, limits: Limits) -> Iterator[Finding]:
    oldest = queue.oldest_seconds or 0
    if queue.waiting > limits.waiting_jobs or oldest > limits.waiting_seconds:
        yield Finding(
            "queue-waiting",
            f"{queue.name}: {queue.waiting} jobs wait, the oldest for {oldest:.0f} s; {queue.active} are worked on",
            "the worker takes in less than is sent: traces appear late, nothing is lost",
            advice.worker(queue.name),
        )
    if queue.name in DELETION_QUEUES and queue.failed:
        yield Finding(
            "deletions-refused",
            f"{queue.name}: {queue.failed} jobs failed",
            "what was to be deleted is still there, and Langfuse tries again every 10 minutes",
            advice.deletions,
        )
    if queue.failed_for_good:
        yield Finding(
            "jobs-failed",
            f"{queue.name}: {queue.failed_for_good} jobs failed for good",
            "nobody tries them again, and their traces do not appear; the raw events are in the bucket",
            "see the log of langfuse-worker for why, mend that, then `python -m ops replay --failed --apply`",
        )


def _parts(parts: Parts, advice: Advice, limits: Limits) -> Iterator[Finding]:
    if parts.most < limits.parts_percent / 100 * parts.delay_at:
        return
    slow = f"inserts are slowed down from {parts.delay_at} on, refused from {parts.refuse_at} on"
    yield Finding("parts", f"{parts.table}: {parts.most} parts in one partition", slow, advice.parts)


def _disk(disk: Disk, advice: Advice, limits: Limits) -> Iterator[Finding]:
    percent = 100 * disk.used / disk.total
    shown = f"{disk.store}: {percent:.0f} % of {disk.total / MEGABYTE:,.0f} MB"
    growth = disk.growth
    if percent > limits.disk_percent:
        yield Finding("disk-used", shown, "inserts and uploads fail when it is full", advice.disk(disk))
    if isinstance(growth, Growth):
        days = days_until(disk.used, disk.total, growth.per_day)
        if days is not None and days <= limits.forecast_days:
            yield Finding(
                "disk-forecast",
                f"{shown}, {growth.per_day / MEGABYTE:+,.0f} MB a day ({growth.basis})",
                f"full in {days:.0f} days",
                advice.disk(disk),
            )


def _memory(memory: Memory, advice: Advice, limits: Limits) -> Iterator[Finding]:
    if memory.limit and memory.used > limits.memory_percent / 100 * memory.limit:
        yield Finding(
            "memory",
            f"{memory.of}: {memory.used / MEGABYTE:,.0f} of {memory.limit / MEGABYTE:,.0f} MB",
            "what needs more than is there is refused (ClickHouse: Code 241) or stopped",
            advice.memory(memory.of),
        )

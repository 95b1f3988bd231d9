"""What the operator sees of capacity, at 80 columns, and what a script gets."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from checks.relay import Queue as Held
from ops.capacity.forecast import days_until, trend
from ops.capacity.judge import Finding
from ops.capacity.measurement import Disk, Growth, Measurement, Rate, Unseen, seen
from ops.terminal import Console
from ops.units import size, span
from platforms.spec import Memory

FAR = 3650
"""Days; what is further away is no forecast."""
MOST_TABLES = 8


def as_dict(found: Measurement, findings: Sequence[Finding]) -> dict[str, Any]:
    """All of it for a script; what could not be measured is None, with the reason in `unseen`."""
    rate = found.rate if isinstance(found.rate, Rate) else None
    return {
        "enough": not findings and not found.unseen,
        "findings": [asdict(finding) for finding in findings],
        "unseen": found.unseen,
        "notes": list(found.notes),
        "events": rate
        and {
            "per_second_5_minutes": round(rate.last_minutes, 3),
            "per_second_hour": round(rate.last_hour, 3),
            "stored": rate.stored,
            "days": [{**asdict(day), "date": day.date.isoformat()} for day in rate.days],
        },
        "queues": None if isinstance(found.queues, Unseen) else [asdict(queue) for queue in found.queues],
        "relay": asdict(found.relay) if isinstance(found.relay, Held) else None,
        "disks": [
            {**asdict(disk), "growth": _growth(disk), "full_in_days": full_in(disk)} for disk in seen(found.disks)
        ],
        "parts": None if isinstance(found.parts, Unseen) else [asdict(parts) for parts in found.parts],
        "memory": [asdict(memory) for memory in seen(found.memory)],
    }


def full_in(disk: Disk) -> float | None:
    """Days until a disk is full; None when it does not grow, or not enough is known."""
    if isinstance(disk.growth, Unseen):
        return None
    days = days_until(disk.used, disk.total, disk.growth.per_day)
    return None if days is None else round(days, 1)


def show(found: Measurement, findings: Sequence[Finding], console: Console) -> None:
    """Tables of what was measured, then each finding with what to change."""
    if isinstance(found.rate, Rate):
        _events(found.rate, console)
    if not isinstance(found.queues, Unseen):
        _queues(found, console)
    if isinstance(found.relay, Held):
        waits = f"{size(found.relay.waiting)} of {size(found.relay.capacity)} wait for Langfuse"
        console.print(f"relay   {waits}")
    console.print(_disks(seen(found.disks)))
    for disk in seen(found.disks):
        why = disk.growth.why if isinstance(disk.growth, Unseen) else disk.growth.basis
        console.print(Text(f"  {disk.store}: {why}", style="dim"))
    if not isinstance(found.parts, Unseen) and found.parts:
        console.print(_parts(found))
    console.print(_memory(seen(found.memory)))
    for note in found.notes:
        console.print(Text(f"  {note}", style="dim"))
    for finding in findings:
        _finding(finding, console)
    for why in found.unseen:
        console.print(Text.assemble(("? ", "yellow"), "could not measure ", why))
    if not findings:
        console.print("Nothing that was measured calls for a change.")


def _events(rate: Rate, console: Console) -> None:
    growth = trend(rate.days)
    busiest = max((day.busiest_hour for day in rate.days), default=0)
    if isinstance(growth, Growth):
        course = f"busiest hour {busiest:.1f}/s, {growth.per_day:+.2f} a day ({growth.basis})"
    else:
        course = f"trend: {growth.why}"
    now = f"{rate.last_minutes:.1f}/s over 5 minutes, {rate.last_hour:.1f}/s over the last hour"
    console.print(f"events  {now}, {rate.stored:,} stored\n        {course}")


def _queues(found: Measurement, console: Console) -> None:
    queues = seen(found.queues)
    busy = [queue for queue in queues if queue.waiting + queue.active + queue.delayed + queue.failed]
    if not busy:
        console.print(f"queues  {len(queues)}, all empty")
        return
    table = _table("queue", "waiting", "active", "delayed", "failed", "oldest")
    for queue in busy:
        oldest = span(queue.oldest_seconds) if queue.oldest_seconds is not None else "-"
        table.add_row(
            queue.name, *(f"{n:,}" for n in (queue.waiting, queue.active, queue.delayed, queue.failed)), oldest
        )
    console.print(table)


def _disks(disks: Sequence[Disk]) -> Table:
    table = _table("disk", "used", "total", "a day", "full in")
    for disk in disks:
        days = full_in(disk)
        grows = size(disk.growth.per_day) if isinstance(disk.growth, Growth) else "?"
        until = (
            "?" if isinstance(disk.growth, Unseen) else f"{days:.0f} days" if days is not None and days < FAR else "-"
        )
        used = f"{size(disk.used)} ({100 * disk.used / disk.total:.0f} %)"
        table.add_row(disk.store, used, size(disk.total), grows, until)
    return table


def _parts(found: Measurement) -> Table:
    parts = seen(found.parts)
    table = _table("table", "rows", "size", "parts", "most in one partition")
    for entry in parts[:MOST_TABLES]:
        most = f"{entry.most} of {entry.delay_at}"
        table.add_row(entry.table, f"{entry.rows:,}", size(entry.size), str(entry.parts), most)
    if len(parts) > MOST_TABLES:
        table.add_row(f"{len(parts) - MOST_TABLES} more", "", "", "", "fewer")
    return table


def _memory(memory: Sequence[Memory]) -> Table:
    table = _table("memory", "used", "limit", "share")
    for entry in memory:
        share = f"{100 * entry.used / entry.limit:.0f} %" if entry.limit else "-"
        table.add_row(entry.of, size(entry.used), size(entry.limit) if entry.limit else "none", share)
    return table


def _finding(finding: Finding, console: Console) -> None:
    console.print(Text.assemble(("✗ ", "red"), (finding.id, "bold"), "  ", finding.seen))
    lines = Table.grid(padding=(0, 2))
    lines.add_column(no_wrap=True)
    lines.add_column(overflow="fold")
    lines.add_row("means", Text(finding.means))
    lines.add_row("change", Text(finding.change))
    console.print(Padding(lines, (0, 0, 1, 4)))


def _growth(disk: Disk) -> dict[str, Any]:
    if isinstance(disk.growth, Unseen):
        return {"per_day": None, "basis": disk.growth.why}
    return {"per_day": round(disk.growth.per_day), "basis": disk.growth.basis}


def _table(first: str, *columns: str) -> Table:
    table = Table(first, box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table

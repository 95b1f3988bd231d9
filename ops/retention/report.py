"""What the operator sees of a retention that is not applied, at 80 columns, and what a script gets."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table
from rich.text import Text

from ops.retention import buckets, clickhouse
from ops.retention.plan import Plan
from ops.retention.support import Support
from ops.terminal import Console
from ops.units import size

REASONS = (
    "Nothing that this stack does takes data away. A TTL or a lifecycle rule goes on taking it away for good, "
    "unseen, after the command that set it. What Langfuse works with may set neither: its ClickHouse user has no right "
    "to a TTL, its key none to a lifecycle rule."
)
INSTEAD = (
    "What is within the promise: larger volumes (`python -m ops status --capacity` says when), and Langfuse's own "
    "retention where it is licensed."
)


def as_dict(plan: Plan, supported: Sequence[Support], database: str) -> dict[str, Any]:
    """All of it for a script."""
    return {
        "applied": False,
        "why_not": REASONS,
        "days": plan.days,
        "cutoff": plan.cutoff.isoformat(timespec="seconds"),
        "rows": plan.rows,
        "bytes": plan.size,
        "tables": [
            {
                **asdict(table),
                "rows": table.rows,
                "size": table.size,
                "rule": clickhouse.rule(database, table, plan.days),
            }
            for table in plan.tables
        ],
        "prefixes": [
            {**asdict(prefix), "kept": prefix.kept, "rule": None if prefix.kept else buckets.rule(prefix, plan.days)}
            for prefix in plan.prefixes
        ],
        "release": [asdict(way) for way in supported],
    }


def show(plan: Plan, supported: Sequence[Support], console: Console) -> None:
    """What would go, what the release has for it, and that none of it is done."""
    console.print(
        f"[bold]Dry run[/]: what a retention of {plan.days} days would take away, "
        f"that is older than {plan.cutoff:%Y-%m-%d %H:%M} UTC",
    )
    console.print(_tables(plan))
    console.print(_prefixes(plan))
    console.print(
        f"together {plan.rows:,} rows and {size(plan.size)}; rows of a month that is cut in two are counted exactly, "
        "their bytes by their share (≈)\n",
    )
    for way in supported:
        mark = "[green]✓[/]" if way.works else "[dim]·[/]"
        console.print(f"{mark} {way.way}: {way.here}")
    console.print(Text(f"\nNot applied. {REASONS}"))
    console.print(Text(INSTEAD))


def _tables(plan: Plan) -> Table:
    shown = _columns("table", "month", "rows", "bytes", "of all rows", "of all bytes")
    for table in plan.tables:
        for month in table.months:
            about = "" if month.whole else "≈ "
            shown.add_row(table.name, month.month, f"{month.rows:,}", f"{about}{size(month.size)}", "", "")
        total = f"{table.rows:,}", size(table.size), f"{table.all_rows:,}", size(table.all_size)
        shown.add_row(table.name, "all", *total, style="bold")
    return shown


def _prefixes(plan: Plan) -> Table:
    shown = _columns("bucket, prefix", "objects", "bytes", "versions", "bytes", "of all bytes")
    for prefix in plan.prefixes:
        name = f"{prefix.bucket}/{prefix.prefix}"
        if prefix.kept:
            shown.add_row(name, "kept: the gates' own marks", "", "", "", size(prefix.all.size))
            continue
        old, versions = prefix.old, prefix.old_versions
        numbers = f"{old.objects:,}", size(old.size), f"{versions.objects:,}", size(versions.size)
        shown.add_row(name, *numbers, size(prefix.all.size))
    return shown


def _columns(first: str, *names: str) -> Table:
    table = Table(first, box=None, pad_edge=False)
    table.columns[0].overflow = "fold"
    for name in names:
        table.add_column(name, justify="right")
    return table

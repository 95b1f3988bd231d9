"""What ClickHouse says of its rows, parts, disks and memory, as the operator's user."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from checks.clickhouse_login import Login
from ops.capacity.measurement import Day, Disk, Parts, Rate
from ops.doctor import ask
from platforms.spec import Memory

SQL = Path(__file__).parent / "sql"
WINDOW_DAYS = 14
MINUTES = 5
HOUR_SECONDS = 3600


def rate(login: Login, tables: Mapping[str, str]) -> Rate:
    """Rows that came in.

    Args:
        login: of the operator.
        tables: of events, each with the column of its time; those that are not there count as empty.
    """
    by_hour: dict[datetime, int] = defaultdict(int)
    minutes = hour = 0
    today: date | None = None
    present = _rows(login, "present_tables.sql", names=sorted(tables))
    for table, _ in present:
        names = {"table": table, "time": tables[table]}
        asked = {**names, "days": WINDOW_DAYS, "minutes": MINUTES}
        for at, count, lately, last_hour, on_server in _rows(login, "events_by_hour.sql", **asked):
            by_hour[_utc(at)] += count
            minutes += lately
            hour += last_hour
            today = on_server
    days = full_days(by_hour, today) if today else []
    return Rate(minutes / (60 * MINUTES), hour / HOUR_SECONDS, days, sum(rows or 0 for _, rows in present))


def full_days(by_hour: Mapping[datetime, int], today: date) -> Sequence[Day]:
    """Days that are over, from the first full one with rows on, those without any in between too.

    The day on which rows first came is left out: it was not a full one, unless rows came before the window too.
    """
    first = min(by_hour).date()
    beyond = (today - first).days >= WINDOW_DAYS
    start = first.toordinal() + (0 if beyond else 1)
    busiest: dict[date, int] = defaultdict(int)
    events: dict[date, int] = defaultdict(int)
    for at, count in by_hour.items():
        events[at.date()] += count
        busiest[at.date()] = max(busiest[at.date()], count)
    whole = [date.fromordinal(number) for number in range(start, today.toordinal())]
    return [Day(day, events[day], busiest[day] / HOUR_SECONDS) for day in whole]


def parts(login: Login) -> list[Parts]:
    """Every table of Langfuse's database that has rows, the one with the most parts in a partition first."""
    [(delay_at, refuse_at)] = _rows(login, "parts_limits.sql")
    return [
        Parts(table, count, most, rows, size, delay_at, refuse_at)
        for table, count, most, rows, size in _rows(login, "parts.sql")
    ]


def disks(login: Login) -> list[Disk]:
    """Disks of the server."""
    rows = _rows(login, "disk_space.sql")
    names = {name: "clickhouse" if name == "default" else f"clickhouse {name}" for name, _, _ in rows}
    return [Disk(names[name], total, free) for name, total, free in rows]


def memory(login: Login) -> list[Memory]:
    """What the server has taken of what it may take; and of the machine that it runs on."""
    [(used, limit, total, available)] = _rows(login, "memory.sql")
    found = [Memory("clickhouse server", max(int(used), 0), int(limit) or None)]
    if total:
        found.append(Memory("clickhouse machine", int(total) - int(available), int(total)))
    return found


def _rows(login: Login, file: str, **parameters: Any) -> list[Sequence[Any]]:
    query = (SQL / file).read_text(encoding="utf-8")
    return ask.clickhouse(login, query, database=login.database, **parameters)


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)

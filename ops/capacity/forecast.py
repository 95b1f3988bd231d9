"""Straight lines through what was measured, and where they end. Knows nothing of servers."""

from collections.abc import Sequence

from ops.capacity.measurement import Day, Growth, Rate, Unseen

LEAST_DAYS = 2
"""Of rows: what is shorter says nothing of a day's growth."""
LEAST_TREND_DAYS = 7
"""A week, since weekends differ from other days."""

Point = tuple[float, float]


def slope(points: Sequence[Point]) -> float:
    """Of the straight line that fits points best; 0 where there is none."""
    count = len(points)
    middle = sum(x for x, _ in points) / count if count else 0.0
    spread = sum((x - middle) ** 2 for x, _ in points)
    return sum((x - middle) * y for x, y in points) / spread if spread else 0.0


def days_until(amount: float, limit: float, per_day: float) -> float | None:
    """Days until `amount` reaches `limit`; None when it never does."""
    if amount >= limit:
        return 0.0
    return (limit - amount) / per_day if per_day > 0 else None


def growth_of_rows(rate: Rate, size: int) -> Growth | Unseen:
    """Bytes a day, from how many rows came in on each of the last full days and how large rows are.

    Args:
        rate: what came in.
        size: bytes on disk of all rows.
    """
    days = rate.days[-LEAST_TREND_DAYS:]
    if len(days) < LEAST_DAYS or not rate.stored:
        return Unseen(f"not enough history: rows of {_number(len(days))}, {LEAST_DAYS} are needed")
    events = sum(day.events for day in days) / len(days)
    return Growth(events * size / rate.stored, f"rows of the last {len(days)} full days")


def faster(*known: Growth | Unseen) -> Growth | Unseen:
    """The fastest growth that is known; the first reason when none is."""
    growths = [entry for entry in known if isinstance(entry, Growth)]
    return max(growths, key=lambda growth: growth.per_day) if growths else known[0]


def trend(days: Sequence[Day]) -> Growth | Unseen:
    """By how much the busiest hour's events per second grow in a day."""
    if len(days) < LEAST_TREND_DAYS:
        return Unseen(f"not enough history: rows of {_number(len(days))}, {LEAST_TREND_DAYS} are needed")
    points = [(float(day.date.toordinal()), day.busiest_hour) for day in days]
    return Growth(slope(points), f"busiest hours of {len(days)} days")


def _number(days: int) -> str:
    return "1 full day" if days == 1 else f"{days} full days"

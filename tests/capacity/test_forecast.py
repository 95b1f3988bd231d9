"""Straight lines through what was measured: where they end, and when there is too little to draw one."""

from datetime import UTC, date, datetime, timedelta

import pytest

from ops.capacity.clickhouse import full_days
from ops.capacity.forecast import days_until, faster, growth_of_rows, slope, trend
from ops.capacity.measurement import Day, Growth, Rate, Unseen


def days(*events: int) -> list[Day]:
    return [Day(date(2026, 3, 1) + timedelta(number), count, count / 3600) for number, count in enumerate(events)]


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([], 0),
        ([(0, 5)], 0),
        ([(1, 5), (1, 9)], 0),
        ([(0, 1), (1, 3), (2, 5)], 2),
        ([(0, 9), (3, 3)], -2),
        ([(0, 0), (1, 2), (2, 1), (3, 3)], 0.8),
    ],
)
def test_the_line_that_fits_best(points: list[tuple[float, float]], expected: float) -> None:
    assert slope(points) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("amount", "limit", "per_day", "expected"),
    [(50, 100, 10, 5), (100, 100, 0, 0), (120, 100, -5, 0), (50, 100, 0, None), (50, 100, -1, None)],
)
def test_when_a_limit_is_reached(amount: float, limit: float, per_day: float, expected: float | None) -> None:
    assert days_until(amount, limit, per_day) == expected


def test_rows_grow_a_disk_by_what_a_row_takes() -> None:
    rate = Rate(0, 0, days(1000, 3000), stored=10_000)
    assert growth_of_rows(rate, 5_000_000) == Growth(1_000_000, "rows of the last 2 full days")


def test_only_the_last_week_of_rows_counts() -> None:
    rate = Rate(0, 0, days(9_000_000, *[700] * 7), stored=1000)
    assert growth_of_rows(rate, 1000) == Growth(700, "rows of the last 7 full days")


@pytest.mark.parametrize(("known", "said"), [([], "0 full days"), ([5], "1 full day,")])
def test_rows_of_less_than_two_full_days_are_no_history(known: list[int], said: str) -> None:
    found = growth_of_rows(Rate(1, 1, days(*known), stored=100), 1000)
    assert isinstance(found, Unseen)
    assert f"not enough history: rows of {said}" in found.why


def test_of_two_growths_the_faster_one_counts_and_of_none_the_first_reason() -> None:
    slow, fast, first, second = Growth(1, "a"), Growth(2, "b"), Unseen("one"), Unseen("two")
    assert faster(slow, fast) == faster(fast, slow) == fast
    assert faster(first, slow) == slow
    assert faster(first, second) == first


def test_a_trend_needs_a_week() -> None:
    assert isinstance(trend(days(*[100] * 6)), Unseen)
    found = trend(days(*[3600 * number for number in range(1, 8)]))
    assert isinstance(found, Growth)
    assert found.per_day == pytest.approx(1)


def hours(*counts: tuple[int, int, int]) -> dict[datetime, int]:
    """Day of March, hour, rows."""
    return {datetime(2026, 3, day, hour, tzinfo=UTC): count for day, hour, count in counts}


def test_the_first_day_and_today_are_no_full_days_and_a_day_without_rows_is_one() -> None:
    found = full_days(hours((1, 22, 50), (2, 3, 7200), (2, 4, 3600), (4, 0, 1), (5, 9, 99)), date(2026, 3, 5))
    assert found == [
        Day(date(2026, 3, 2), 10_800, 2.0),
        Day(date(2026, 3, 3), 0, 0.0),
        Day(date(2026, 3, 4), 1, 1 / 3600),
    ]


def test_where_rows_reach_beyond_what_is_looked_at_the_first_day_is_a_full_one() -> None:
    assert full_days(hours((1, 0, 3600), (15, 1, 1)), date(2026, 3, 15))[0] == Day(date(2026, 3, 1), 3600, 1.0)


def test_rows_of_today_alone_make_no_full_day() -> None:
    assert full_days(hours((5, 9, 99)), date(2026, 3, 5)) == []

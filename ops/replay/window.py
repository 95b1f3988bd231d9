"""A span of time, as an operator types it."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ops.session import OpsError

AGO = re.compile(r"(\d+)([mhd])")
UNITS = {"m": "minutes", "h": "hours", "d": "days"}
SETTLING = timedelta(minutes=3)
"""How long a job may still be on its way: it is tried for 155 seconds."""


@dataclass(frozen=True)
class Window:
    """From `start` on, until before `end`; both UTC."""

    start: datetime
    end: datetime

    def holds(self, moment: datetime) -> bool:
        """Whether a moment is in it."""
        return self.start <= moment < self.end

    def since(self, moment: datetime) -> "Window":
        """The part of it that is not before `moment`."""
        return Window(max(self.start, moment), self.end)


def window(start: str, end: str | None, now: datetime) -> Window:
    """The window between two moments.

    Args:
        start: ISO 8601, UTC unless it says otherwise, or so long ago: `90m`, `6h`, `2d`.
        end: the same; None for three minutes ago, since what is younger may still be on its way.
        now: what "ago" counts from.

    Raises:
        OpsError: one of them is no moment, or the window is empty.
    """
    found = Window(_moment("--from", start, now), now - SETTLING if end is None else _moment("--to", end, now))
    if found.start >= found.end:
        raise OpsError(f"the window is empty: it starts at {found.start:%FT%TZ} and ends at {found.end:%FT%TZ}")
    return found


def _moment(option: str, text: str, now: datetime) -> datetime:
    try:
        if ago := AGO.fullmatch(text):
            return now - timedelta(**{UNITS[ago[2]]: int(ago[1])})
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise OpsError(
            f"{option} {text}: give a time as 2026-11-30T09:00 (UTC), or 90m, 6h, 2d for so long ago"
        ) from None

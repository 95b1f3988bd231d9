"""Sizes and spans of time as people read them."""

MINUTE, HOUR, DAY = 60, 3600, 86400
UNITS = ("B", "kB", "MB", "GB", "TB")
STEP = 1000


def size(amount: float) -> str:
    """Bytes, in the largest unit that leaves a number of one or more."""
    unit = 0
    while abs(amount) >= STEP and unit < len(UNITS) - 1:
        amount, unit = amount / STEP, unit + 1
    return f"{amount:.0f} {UNITS[unit]}" if unit == 0 else f"{amount:.1f} {UNITS[unit]}"


def span(seconds: float) -> str:
    """A time, in the largest unit of which there are two or more."""
    for length, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"

"""What Prometheus remembers of the disks: how fast each has filled up."""

from collections.abc import Mapping

from checks.trace import OK, request
from ops.capacity.measurement import Growth, Unseen

DAYS = 14
LEAST_DAYS = 2
"""What is shorter says nothing of a day's growth."""
STEP = "1h"
SLOPES = f"max by (store) (deriv(langfuse:disk_used_bytes[{DAYS}d:{STEP}])) * 86400"
SINCE = f"max by (store) (time() - min_over_time(timestamp(langfuse:disk_used_bytes)[{DAYS}d:{STEP}])) / 86400"
UNKNOWN = Unseen("growth is not known: `monitoring:enabled` has Prometheus remember it")


def growths(prometheus: str) -> dict[str, Growth | Unseen]:
    """Bytes a day by store.

    Args:
        prometheus: its address.

    Raises:
        CheckFailedError: it does not answer.
    """
    days = _asked(prometheus, SINCE)
    slopes = _asked(prometheus, SLOPES)
    return {store: _growth(days[store], slopes.get(store)) for store in days}


def _growth(days: float, slope: float | None) -> Growth | Unseen:
    if slope is None or days < LEAST_DAYS:
        return Unseen(f"not enough history: {days:.1f} days in Prometheus, {LEAST_DAYS} are needed")
    return Growth(slope, f"Prometheus, {days:.0f} days")


def _asked(prometheus: str, query: str) -> Mapping[str, float]:
    answer = request("GET", f"http://{prometheus}/api/v1/query", "see the log of prometheus", params={"query": query})
    found = answer.json()["data"]["result"] if answer.status_code == OK else []
    return {entry["metric"]["store"]: float(entry["value"][1]) for entry in found}

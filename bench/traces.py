"""From the gateway's answer to the trace being readable."""

import time

from bench.results import Row
from bench.rig import Rig
from bench.series import Spread
from checks.base import CheckFailedError
from checks.trace import new_user_id
from ops.session import OpsError
from ops.smoke import Access, access

PAUSE_SECONDS = 0.02
DEADLINE_SECONDS = 60


def time_to_trace(
    rig: Rig, calls: int, *, name: str = "gateway's answer until the trace is readable", budget: float | None = None
) -> list[Row]:
    """Call the gateway again and again, each time until the public API returns the trace.

    Raises:
        OpsError: a trace did not become readable.
    """
    with access(rig.session) as to:
        taken = [_milliseconds(to) for _ in range(calls + 1)][1:]
    return [Row(name, Spread.of(taken), "ms", budget=budget, note=f"{calls} calls")]


def _milliseconds(to: Access) -> float:
    user_id = new_user_id()
    to.gateway.call_smoke(user_id)
    started = time.monotonic()
    while True:
        try:
            to.api.find_trace(user_id)
        except CheckFailedError as failure:
            if time.monotonic() - started > DEADLINE_SECONDS:
                raise OpsError(f"no trace after {DEADLINE_SECONDS} s: {failure}") from None
            time.sleep(PAUSE_SECONDS)
        else:
            return (time.monotonic() - started) * 1000

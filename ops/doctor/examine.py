"""Asks every row at the same time, and never longer than it may take."""

import importlib
import logging
import queue
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from io import BytesIO

from checks.base import CheckFailedError, first_line, without_secrets
from components.redis import CACHE
from ops.doctor.access import Access
from ops.doctor.logs import Shown, explain
from ops.doctor.row import NotApplicableError, Part, Result, Row, Seen, fine, wrong
from ops.doctor.signatures import AROUND, Source, sources
from platforms.errors import PlatformError

LIBRARIES = ("clickhouse_connect", "clickhouse_driver", "psycopg", "redis", "minio", "httpx")
"""Loaded before the threads start: two threads may see a package half made."""
REMEDIES: Mapping[Part, str] = {
    Part.CLICKHOUSE: "{start clickhouse}, or see {log clickhouse}",
    Part.POSTGRES: "{start postgres}, or see {log postgres}",
    Part.REDIS: "{start redis}, or see {log redis}",
    Part.STORE: "{start minio}, or see {log minio}",
    Part.LANGFUSE: "{start langfuse-web}, or see {log langfuse-web}",
    Part.GATEWAY: "{start gateway}, or see {log gateway}",
}
"""What lets a part be looked at that did not answer."""
OTHERWISE = "`make status` shows what does not run; `make up` starts it"


class RecentLogs:
    """What the services wrote lately; each log is read and explained once, whichever row asks first.

    Args:
        access: the stack.
        rows: those to look for.
    """

    def __init__(self, access: Access, rows: Sequence[Row]) -> None:
        self._access = access
        self._rows = rows
        self._lock = threading.Lock()
        self._explained: dict[str, Future[Mapping[str, Shown]]] = {}

    def shown(self, service: str) -> Mapping[str, Shown]:
        """What the log of a service shows, by row.

        Raises:
            PlatformError: the log cannot be read.
        """
        with self._lock:
            known = self._explained.get(service)
            future = known or self._explained.setdefault(service, Future())
        if known is None:
            try:
                log = self._access.inspector.recent(service, self._access.limits.recent_seconds)
                future.set_result({entry.row.id: entry for entry in explain(BytesIO(log), self._rows)})
            except Exception as error:  # noqa: BLE001 - whoever waits for the answer is told
                future.set_exception(error)
        return future.result()


def examine(rows: Sequence[Row], access: Access, *, seconds: float | None = None) -> list[Result]:
    """What became of each row, in their order.

    Args:
        rows: what to look for.
        access: where.
        seconds: for all of them together, if other than the limits say; what has not answered by then is `not seen`.
    """
    seconds = access.limits.run_seconds if seconds is None else seconds
    for name in LIBRARIES:
        importlib.import_module(name)
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # its pool is smaller than the number of rows, and says so
    answers: queue.SimpleQueue[tuple[int, Result]] = queue.SimpleQueue()
    logs = RecentLogs(access, rows)
    for number, row in enumerate(rows):
        work = threading.Thread(target=_answer, args=(number, row, access, logs, answers), daemon=True)
        work.start()
    results: dict[int, Result] = {}
    give_up = time.monotonic() + seconds
    while len(results) < len(rows):
        try:
            number, result = answers.get(timeout=max(give_up - time.monotonic(), 0))
        except queue.Empty:
            break
        results[number] = result
    late = f"no end after {seconds:.0f} s: something takes connections and does not answer"
    remedy = access.filled(OTHERWISE)
    return [results.get(number, Result(row, "not seen", late, remedy)) for number, row in enumerate(rows)]


def _answer(
    number: int, row: Row, access: Access, logs: RecentLogs, answers: "queue.SimpleQueue[tuple[int, Result]]"
) -> None:
    answers.put((number, _result(row, access, logs)))


def _result(row: Row, access: Access, logs: RecentLogs) -> Result:
    try:
        seen = row.probe(access) if row.probe else _recent_log(row, access, logs)
    except NotApplicableError as reason:
        return Result(row, "not applicable", str(reason))
    except PlatformError as error:
        return Result(row, "not seen", _told(str(error), access), access.filled(error.remedy or OTHERWISE))
    except Exception as error:  # noqa: BLE001 - drivers raise a different class for each layer
        said = f"{error.probe}: {error.seen}" if isinstance(error, CheckFailedError) else first_line(error)
        if access.clickhouse.is_external and "ACCESS_DENIED" in said:
            return Result(
                row, "not applicable", "somebody else's ClickHouse does not let Langfuse's login look at that"
            )
        remedy = access.filled(REMEDIES.get(row.part, OTHERWISE))
        return Result(row, "not seen", _told(access.unreached.get(row.part, said), access), remedy)
    evidence = _told(seen.evidence, access)
    if seen.healthy:
        return Result(row, "healthy", evidence)
    return Result(row, "finding", evidence, access.filled(seen.fix or row.fix, seen.names))


def _told(text: str, access: Access) -> str:
    """`text` as people may see it."""
    return without_secrets(str(access.named(text)), access.secrets)


def _recent_log(row: Row, access: Access, logs: RecentLogs) -> Seen:
    """What the row's services wrote lately, where only that shows the trouble."""
    printers = sources().get(row.id, frozenset())
    services = [service for service in access.services if _prints(service, printers)]
    if not services:
        who = " and ".join(sorted(printers)) or "nothing of this stack"
        raise NotApplicableError(f"{who} would print it: give its output to `python -m ops doctor -`")
    for service in services:
        shown = logs.shown(service).get(row.id)
        if shown and shown.times > row.tolerated:
            return wrong(f"{service} logged {shown.times} x: {shown.text}", names=shown.names)
    minutes = access.limits.recent_seconds / 60
    return fine(f"not in the log of {', '.join(services)} in the last {minutes:.0f} minutes")


def _prints(service: str, printers: frozenset[Source]) -> bool:
    """Whether the log of a service, or of a replica of it, holds what `printers` print."""
    within, service = printers - AROUND, Source.REDIS if service == CACHE else service
    return any(service == source or service.rpartition("-")[0] == source for source in within)

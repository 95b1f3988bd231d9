"""Asks every row at the same time, and never longer than it may take."""

import importlib
import logging
import queue
import threading
import time
from collections.abc import Sequence

from checks.base import CheckFailedError, brief, without_secrets
from ops.doctor.access import Access
from ops.doctor.logs import first_match
from ops.doctor.looks import LookError
from ops.doctor.row import NotApplicableError, Result, Row, Seen, fine, wrong

LIBRARIES = ("clickhouse_connect", "clickhouse_driver", "psycopg", "redis", "minio", "httpx")
"""Loaded before the threads start: two threads may see a package half made."""


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
    for number, row in enumerate(rows):
        work = threading.Thread(target=_answer, args=(number, row, access, answers), daemon=True)
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
    return [results.get(number, Result(row, "not seen", late)) for number, row in enumerate(rows)]


def _answer(number: int, row: Row, access: Access, answers: "queue.SimpleQueue[tuple[int, Result]]") -> None:
    answers.put((number, _result(row, access)))


def _result(row: Row, access: Access) -> Result:
    try:
        seen = row.probe(access) if row.probe else _recent_log(row, access)
    except NotApplicableError as reason:
        return Result(row, "not applicable", str(reason))
    except LookError as error:
        return Result(row, "not seen", _told(str(error), access))
    except Exception as error:  # noqa: BLE001 - drivers raise a different class for each layer
        said = f"{error.probe}: {error.seen}" if isinstance(error, CheckFailedError) else brief(error)
        return Result(row, "not seen", _told(access.unreached.get(row.part, said), access))
    evidence = _told(seen.evidence, access)
    if seen.healthy:
        return Result(row, "healthy", evidence)
    return Result(row, "finding", evidence, access.filled(seen.fix or row.fix))


def _told(text: str, access: Access) -> str:
    """`text` as people may see it."""
    return without_secrets(str(access.named(text)), access.secrets)


def _recent_log(row: Row, access: Access) -> Seen:
    """What the row's services wrote lately, where only that shows the trouble."""
    seconds = access.limits.recent_seconds
    for service in row.log_of:
        found = first_match(row, access.looks.log(service, seconds))
        if found:
            return wrong(f"{service} logged: {found}")
    return fine(f"not in the log of {' or '.join(row.log_of)} in the last {seconds / 60:.0f} minutes")

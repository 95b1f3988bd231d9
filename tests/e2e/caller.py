"""A client that keeps calling the gateway, and remembers which calls were answered."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from checks.base import CheckFailedError
from checks.clickhouse_login import Login, rows
from checks.trace import Gateway, new_user_id

PAUSE_SECONDS = 0.1
IN_TRACES = "SELECT DISTINCT user_id FROM {database:Identifier}.{table:Identifier} WHERE user_id LIKE 'smoke-%'"


@dataclass
class Caller:
    """Calls the smoke model as another user each time, and tries each call again until it is answered.

    Args:
        gateway: what to call, asked again after each refusal, as an application reads its key again.
    """

    gateway: Callable[[], Gateway]
    answered: list[str] = field(default_factory=list)
    refused: int = 0
    """Attempts that were not answered."""
    longest_gap: float = 0
    """Seconds between two answers."""
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Start calling."""
        self._thread = threading.Thread(target=self._call, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        """Stop, once the call at hand is answered or given up."""
        self._over.set()
        assert self._thread
        self._thread.join(timeout=60)

    def _call(self) -> None:
        gateway, last = self.gateway(), time.monotonic()
        while not self._over.is_set():
            user_id = new_user_id()
            while not self._over.is_set():
                try:
                    gateway.call_smoke(user_id)
                except CheckFailedError:
                    self.refused += 1
                    time.sleep(PAUSE_SECONDS)
                    gateway = self.gateway()
                    continue
                self.answered.append(user_id)
                self.longest_gap, last = max(self.longest_gap, time.monotonic() - last), time.monotonic()
                break
            time.sleep(PAUSE_SECONDS)

    def lost(self, login: Login, table: str, *, seconds: float = 90) -> set[str]:
        """Answered calls whose trace is not in ClickHouse, once all had time to arrive."""
        deadline = time.monotonic() + seconds
        while True:
            client = login.connect()
            try:
                stored = {str(row[0]) for row in rows(client, IN_TRACES, database=login.database, table=table)}
            finally:
                client.close()
            missing = set(self.answered) - stored
            if not missing or time.monotonic() > deadline:
                return missing
            time.sleep(1)

"""What the engine of a run under way has said so far, in its own words: a line for each step that begins or ends."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ops.progress import EventLog
from tests.e2e.stack import TestStack

_REPEATED = re.compile(r"/(\w+):(?=\1$)", re.IGNORECASE)
"""The engine leaves it out for people, too: `docker:index/network:Network`."""
BEGINS, ENDS = "resourcePreEvent", "resOutputsEvent"


class EngineEvents:
    """Events of the next run of a stack.

    Args:
        stack: whose run it is.
    """

    def __init__(self, stack: TestStack) -> None:
        self._runs = stack.folder / "state" / "runs"
        self._before = self._logs()
        self._followed: dict[Path, EventLog] = {}

    def fresh(self) -> list[str]:
        """Lines since the last look, for example `docker:index:Network network creating`, and then `… created`."""
        logs = [self._followed.setdefault(path, EventLog(path)) for path in self._logs() - self._before]
        return [line for log in logs for event in log.fresh() for line in _lines(event)]

    def _logs(self) -> set[Path]:
        return set(self._runs.glob("*/events.jsonl"))


def _lines(event: Mapping[str, Any]) -> Iterator[str]:
    for kind, ending in ((BEGINS, "ing"), (ENDS, "ed")):
        if kind in event:
            step = event[kind]["metadata"]
            did = step["op"].removesuffix("e") + ending
            short = _REPEATED.sub(":", step["type"])
            yield f"{short} {step['urn'].rpartition('::')[2]} {did}"

"""What the engine of a run under way has said so far, in its own words: a line for each step that begins or ends."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

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
        self._read = 0

    def fresh(self) -> list[str]:
        """Lines since the last look, for example `docker:index:Network network creating`, and then `… created`."""
        lines = [line for log in self._logs() - self._before for line in _lines(log)]
        fresh, self._read = lines[self._read :], len(lines)
        return fresh

    def _logs(self) -> set[Path]:
        return set(self._runs.glob("*/events.jsonl"))


def _lines(log: Path) -> Iterator[str]:
    with suppress(FileNotFoundError):
        whole = [line for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")]
        for event in map(json.loads, whole):
            for kind, ending in ((BEGINS, "ing"), (ENDS, "ed")):
                if kind in event:
                    step = event[kind]["metadata"]
                    did = step["op"].removesuffix("e") + ending
                    short = _REPEATED.sub(":", step["type"])
                    yield f"{short} {step['urn'].rpartition('::')[2]} {did}"

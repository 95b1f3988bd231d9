"""One whole run of stack `prod`, struck at every step in turn: each run of the chain gets one step further."""

import json
import re
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.e2e.engine_events import EngineEvents
from tests.e2e.stack import Run, kill
from tests.fly.rehearsal import APPS, Rehearsal

Kind = Literal["halt", "lost"]
"""`halt`: the whole run (engine, plugins, driver) is killed; `lost`: Fly did it, and its reply is a network error."""
MAKERS = "LangfuseSchema|DataKeys|Bucket|AppKey|BackupKey"
"""Types of what is made in the stores themselves."""
POINT = re.compile(rf"checks:(?:(?:{MAKERS}) \S+ created|(?!{MAKERS})\w+ \S+ creating)")
"""When something was made in a store, and the state may not know of it yet; and when a gate is about to be proven."""
RUN_SECONDS = 600
FOREIGN = "SELECT md5(string_agg(c::text, '|' ORDER BY c::text)) FROM app.customers c"


@dataclass(frozen=True)
class Part:
    """A part of the run: from one change on, up to another."""

    since: str | None
    until: str | None


_BEGIN = [None, *(f"apps create {app}" for app in APPS[1:])]
PARTS = {app: Part(since, until) for app, since, until in zip(APPS, _BEGIN, [*_BEGIN[1:], None], strict=True)}
"""An app and what is proven of it, and after MinIO of Postgres and Redis; together the whole run."""


@dataclass
class Chain:
    """Runs of one stack, each struck where none before it was."""

    prod: Rehearsal
    kind: Kind
    part: Part
    gates: set[str] = field(default_factory=set)
    """Lines of the engine at which a run was killed."""
    runs: int = 0

    def run(self) -> Run | None:
        """One run; None when it was struck."""
        self.runs += 1
        before = self.steps()
        fault = {"kind": self.kind, "step": "each", "since": self.part.since, "until": self.part.until}
        self._halted.unlink(missing_ok=True)
        events = EngineEvents(self.prod.stack)
        with self.prod.started("up", FAKE_FLY_FAULTS=json.dumps([fault])) as process:
            lines: list[str] = []
            assert process.stdout
            reader = threading.Thread(target=lines.extend, args=(process.stdout,), daemon=True)
            reader.start()
            killed = self.kind == "halt" and self._killed(process, events)
            process.wait(timeout=RUN_SECONDS)
            reader.join(timeout=10)
        struck = killed or self.steps() != before
        return None if struck else Run(process.returncode, "".join(lines))

    def _killed(self, process: Any, events: EngineEvents) -> bool:
        """Kill the run at the first step that was never struck; False when it ends by itself."""
        deadline = time.monotonic() + RUN_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            if self._halted.exists() or any(self._is_new(line) for line in events.fresh()):
                kill(process)
                return True
            time.sleep(0.02)
        return False

    def _is_new(self, line: str) -> bool:
        found = POINT.search(line)
        if found is None or found[0] in self.gates or not self._inside():
            return False
        self.gates.add(found[0])
        return True

    def _inside(self) -> bool:
        changes = self.prod.cloud()["changes"]
        return (self.part.since is None or self.part.since in changes) and self.part.until not in changes

    def steps(self) -> dict[str, str]:
        """Every step of Fly that was struck, with the change that it made, if any."""
        return dict(self.prod.cloud()["struck"])

    @property
    def _halted(self) -> Path:
        return Path(f"{self.prod.state_file}.halted")


@dataclass
class Guard:
    """What must hold after every run, however it ended."""

    prod: Rehearsal
    seen: set[str] = field(default_factory=set)
    """Everything that holds data and was there at some time."""
    foreign: str = ""

    def look(self) -> None:
        """Nothing went away, nothing is there twice, other people's data is as it was."""
        now = self.prod.kept()
        assert now >= self.seen, f"went away: {self.seen - now}"
        self.seen |= now
        for kind, names in self.prod.inventory().items():
            assert len(names) == len(set(names)), f"{kind}, twice: {names}"
        foreign = self.prod.foreign(FOREIGN)
        self.foreign = self.foreign or foreign
        assert foreign == self.foreign

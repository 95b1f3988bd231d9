"""What a rehearsal did and saw."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from checks.base import CheckFailedError
from ops.backup.manifest import Manifest
from ops.backup.restore import Compared
from ops.session import OpsError
from platforms.errors import PlatformError

Progress = Callable[[str], None]


@dataclass
class Rehearsal:
    """What came of it."""

    manifest: Manifest
    rpo_seconds: float
    """Age of the backup: what would have been lost."""
    rto_seconds: float = 0.0
    """From looking at the backup until all of it was back and proven."""
    steps: list[tuple[str, float, str]] = field(default_factory=list)
    """What was done, seconds, what was seen."""
    compared: list[Compared] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    """Containers and networks that this rehearsal made, and removed."""

    @property
    def ok(self) -> bool:
        """Whether everything came back as it was."""
        return not self.findings and all(entry.same for entry in self.compared)

    @contextmanager
    def step(self, name: str, progress: Progress) -> Iterator[Callable[[str], None]]:
        """Something that must succeed; takes what was seen."""
        progress(name)
        seen: list[str] = []
        started = time.monotonic()
        yield seen.append
        self.steps.append((name, time.monotonic() - started, " ".join(seen)))

    def proven(self, name: str, progress: Progress, prove: Callable[[], str], redact: Callable[[str], str]) -> bool:
        """Whether something could be proven; if not, that is a finding.

        Args:
            name: of the step.
            progress: is told the name.
            prove: returns what was seen.
            redact: takes secrets out of a finding.
        """
        with self.step(name, progress) as say:
            try:
                seen = prove()
            except CheckFailedError as failure:
                self.findings.append(redact(f"{name}: {failure.probe}: {failure.seen}; {failure.fix}"))
                seen = ""
            except (OpsError, PlatformError) as error:
                self.findings.append(redact(f"{name}: {error}"))
                seen = ""
            say(seen or "not proven")
        return bool(seen)

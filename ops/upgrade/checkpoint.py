"""What is put aside before a step: a backup, snapshots where the platform has them, and the stack's state."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from evidence import record, write_once
from ops.backup.make import back_up
from ops.backup.manifest import Manifest
from ops.backup.rehearse import rehearse
from ops.runtime import runtime_of
from ops.session import RefusedError
from ops.state import read_state
from ops.upgrade.look import Eyes

STATE = "state.json"
"""The exported state in the run's folder: its secrets are encrypted, and only its owner may read it."""
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Checkpoint:
    """What there is to go back to."""

    backup: Manifest
    snapshots: Mapping[str, str]
    """Volume to snapshot; empty where the platform has none."""
    state: Path


def checkpoint(eyes: Eyes, folder: Path, progress: Progress) -> Checkpoint:
    """Put everything aside.

    Docker has no snapshots, and a copy of a running server's volume is none either; there the backup, which is
    ClickHouse's and Postgres' own and can be rehearsed, stands alone.

    Args:
        eyes: the stack.
        folder: of the run at hand.
        progress: is told what is being done.

    Raises:
        OpsError: something failed; the stack is as it was.
        EvidenceError: the state cannot be kept.
    """
    state = write_once(folder / STATE, dict(read_state(eyes.session).export))
    made = back_up(eyes.stores, progress=progress)
    progress("snapshots of the volumes")
    snapshots = runtime_of(eyes.session).snapshots()
    seen = {"backup": made.id, "bytes": made.size, "snapshots": dict(snapshots), "state": state.name}
    record("upgrade", "checkpoint", seen)
    return Checkpoint(made, snapshots, state)


def prove(eyes: Eyes, made: Manifest, progress: Progress) -> float:
    """Restore a backup into throw-away servers, and compare; returns the seconds that it took.

    Raises:
        RefusedError: what comes back is not what was backed up; nothing was upgraded.
        OpsError: it could not be restored.
    """
    done = rehearse(eyes.stores, made, progress)
    record("upgrade", "rehearsal", {"backup": made.id, "same": done.ok, "seconds": round(done.rto_seconds, 1)})
    if not done.ok:
        differing = [f"{entry.store} {entry.table}" for entry in done.compared if not entry.same]
        raise RefusedError(
            f"backup {made.id} does not come back as it was: {', '.join([*differing, *done.findings])}; "
            "nothing was upgraded"
        )
    return done.rto_seconds

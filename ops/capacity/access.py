"""What capacity is measured of: the doctor's access to a stack, and what only the operator may ask."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from checks.trace import BULL
from ops.capacity.containers import memory_of
from ops.capacity.measurement import Memory
from ops.doctor.access import Access as Stack
from ops.doctor.access import of_session as stack_of
from ops.doctor.looks import LookError
from ops.session import Session
from ops.state import read_state
from toolchain.paths import state_dir

EVENT_TABLES = {
    "traces": {"traces": "timestamp", "observations": "start_time", "scores": "timestamp"},
    "events_full": {"events_full": "start_time", "scores": "timestamp"},
}
"""By the table in which a release makes traces visible: its tables of events, with the time that they are kept by."""
STORE_KEY = "minio-app-key"
"""Resource that knows the object store's root user."""


@dataclass(frozen=True)
class Access:
    """One stack."""

    stack: Stack
    platform: str
    store_root: tuple[str, str]
    """User and password of the object store that may ask how full it is."""
    queue_prefix: str
    containers: Callable[[], Sequence[Memory]]
    """Memory of what runs; raises `LookError`."""
    history: Path
    """Where earlier measurements of the disks are."""

    @property
    def tables(self) -> dict[str, str]:
        """Tables of events to the column of their time."""
        return EVENT_TABLES[self.stack.release.traces_table]


def of_session(session: Session) -> Access:
    """Access to the session's stack.

    Raises:
        OpsError: it was never put up.
    """
    state = read_state(session, show_secrets=True)
    stack, settings = stack_of(session), session.settings

    def containers() -> Sequence[Memory]:
        if settings.stack.platform != "docker":
            raise LookError("memory of machines: `fly machine status` and Fly's metrics have it")
        return memory_of(stack.looks)

    return Access(
        stack=stack,
        platform=settings.stack.platform,
        store_root=(str(state.output(STORE_KEY, "root_user")), str(state.output(STORE_KEY, "root_password"))),
        queue_prefix=settings.redis.key_prefix or BULL,
        containers=containers,
        history=state_dir() / f"{session.stack.rpartition('/')[2]}.capacity.jsonl",
    )

"""When the containers of a stack became healthy, by what Docker itself announced."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ops.session import OpsError, Session
from platforms.docker.labels import INSTANCE_LABEL
from platforms.docker.runtime import DockerRuntime

PAUSE_SECONDS = 0.5


class Announcements:
    """Docker's announcements `healthy` for one instance, with their times."""

    def __init__(self) -> None:
        self._first: dict[str, int] = {}

    def listen(self, process: "subprocess.Popen[str]") -> None:
        """Remember the first announcement of each container until Docker's event stream ends."""
        for line in process.stdout or ():
            event = json.loads(line)
            if event["status"] == "health_status: healthy":
                self._first.setdefault(event["id"], event["timeNano"])

    def seconds_until_all(self, session: Session, started_ns: int, deadline_seconds: float = 180) -> float:
        """Seconds from `started_ns` (Unix time) until the last container became healthy; waits for it.

        Raises:
            OpsError: one was not healthy within the deadline.
        """
        give_up = time.monotonic() + deadline_seconds
        while True:
            containers = DockerRuntime(session.settings.stack.instance, session.variables).containers()
            waiting = [entry.service for entry in containers if entry.id not in self._first]
            if containers and not waiting:
                return (max(self._first[entry.id] for entry in containers) - started_ns) / 1e9
            if time.monotonic() > give_up:
                raise OpsError(f"not healthy after {deadline_seconds:.0f} s: {', '.join(waiting) or 'nothing runs'}")
            time.sleep(PAUSE_SECONDS)


@contextmanager
def announcements(instance: str, environment: Mapping[str, str]) -> Iterator[Announcements]:
    """Listen to Docker while the block runs."""
    filters = ("type=container", "event=health_status", f"label={INSTANCE_LABEL}={instance}")
    argv = ["docker", "events", "--format", "{{json .}}", *(part for rule in filters for part in ("--filter", rule))]
    heard = Announcements()
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True, process_group=0) as process:
        listener = threading.Thread(target=heard.listen, args=(process,), daemon=True)
        listener.start()
        try:
            yield heard
        finally:
            process.terminate()
            listener.join()

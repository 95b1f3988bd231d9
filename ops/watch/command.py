"""`watch`: looks every so often and tells what changed."""

import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from rich.text import Text

from ops.answer import answer
from ops.capacity.access import LOOPBACK
from ops.session import OpsError, Session, open_session
from ops.stackfile import StackFileError
from ops.terminal import Console
from ops.watch.look import Alert, Look, look
from ops.watch.send import post, push
from settings import SettingsError

QUIET, FIRING, COULD_NOT_LOOK = 0, 1, 2


class Watch:
    """What is told from one look to the next.

    Args:
        session: the stack.
        webhook: where alerts are posted; `None` for nowhere.
    """

    def __init__(self, session: Session, webhook: str | None) -> None:
        self._session, self._webhook = session, webhook
        self._told: set[Alert] = set()
        self.untold: list[str] = []
        """What the last look could not take where it belongs."""

    def once(self) -> Look:
        """Look, and tell what is new and what is over; what could not be told is told the next time.

        Raises:
            OpsError: there is no such stack.
        """
        self.untold = []
        session = replace(self._session)  # with the settings as they are now
        found = look(session)
        # What was not seen is not over.
        over = self._told - set(found.alerts) if not found.unseen else set()
        new = [alert for alert in found.alerts if alert not in self._told]
        if self._webhook is None or not (new or over) or self._went(self._post, new, over):
            self._told = (self._told | set(new)) - over
        settings = session.settings
        if settings.monitored:
            gateway = f"{LOOPBACK}:{settings.monitoring.pushgateway_port}"
            self._went(lambda: push(gateway, found.samples))
        return found

    def _post(self, new: list[Alert], over: set[Alert]) -> None:
        post(self._webhook or "", self._session.stack, new, sorted(over))

    def _went(self, send: Callable[..., None], *what: object) -> bool:
        try:
            send(*what)
        except OpsError as error:
            self.untold.append(str(error))
            return False
        return True


def watch(
    stack: str, config_file: Path | None, *, every: float, webhook: str | None, once: bool, as_json: bool
) -> None:
    """The `watch` command: until it is interrupted, or once.

    Exits 0 when nothing fires, 1 when something does, 2 when something could not be looked at or told.

    Raises:
        OpsError: there is no such stack, or a script asked for more than one document.
    """
    if as_json and not once:
        raise OpsError("--json prints one document: use it with --once")
    session = open_session(stack, config_file)
    settings = session.settings
    # Where there is an Alertmanager, it is the one that posts to the webhook of the settings.
    watching = Watch(session, webhook or (None if settings.monitored else settings.monitoring.webhook_url))
    console = Console(stderr=as_json)
    found: Look | None = None
    while True:
        began = time.monotonic()
        try:
            found = watching.once()
        except (OpsError, SettingsError, StackFileError) as error:
            if found is None:
                raise
            found = Look([], [str(error)], [])
        unseen = [*found.unseen, *watching.untold]
        if as_json:
            answer({"alerts": [{**asdict(a), "runbook": a.runbook} for a in found.alerts], "unseen": unseen})
        else:
            _show(found, unseen, console)
        if once:
            sys.exit(FIRING if found.alerts else COULD_NOT_LOOK if unseen else QUIET)
        time.sleep(max(every - (time.monotonic() - began), 0))


def _show(found: Look, unseen: list[str], console: Console) -> None:
    at = datetime.now(UTC).strftime("%H:%M:%S")
    if not found.alerts and not unseen:
        console.print(f"{at}  nothing calls for a person")
    for alert in found.alerts:
        console.print(Text.assemble(f"{at}  ", ("✗ ", "red"), (alert.name, "bold"), f"  {alert.of}: {alert.seen}"))
        console.print(Text(f"          {alert.fix} ({alert.runbook})"))
    for why in unseen:
        console.print(Text.assemble(f"{at}  ", ("? ", "yellow"), why))

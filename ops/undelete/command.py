"""`undelete`: raw events that a refused deletion hid, and the way back for them."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path

from ops.answer import answer
from ops.backup.access import access
from ops.evidence import recorded
from ops.session import OpsError, open_session
from ops.terminal import Console, waiting
from ops.undelete.events import bring_back, hidden

SHOWN = 10


def undelete(stack: str, config_file: Path | None, *, apply: bool, as_json: bool) -> None:
    """The `undelete` command.

    Raises:
        OpsError: a store does not answer, or something is still hidden afterwards.
    """
    session = open_session(stack, config_file)
    console = Console(stderr=as_json)
    with access(session) as to, waiting.on("raw events and rows"):
        found = hidden(to)
        if apply and found:
            with recorded(session, "undelete", {"raw_events": len(found)}):
                bring_back(to, found)
                if left := hidden(to):
                    raise OpsError(f"raw events still marked as deleted: {len(left)}; run it again")
    if as_json:
        answer({"applied": apply and bool(found), "raw_events": [asdict(event) for event in found]})
        return
    if not found:
        console.print("No raw event is marked as deleted whose rows are still there.")
        return
    for event in found[:SHOWN]:
        console.print(f"{event.kind:<12} {event.id}  {event.bucket}/{event.key}")
    if len(found) > SHOWN:
        console.print(f"… and {len(found) - SHOWN} more (--json lists all)")
    kinds = ", ".join(f"{count} of a {kind}" for kind, count in sorted(Counter(e.kind for e in found).items()))
    console.print(
        f"Raw events that are back ({kinds}): a newer version over each delete marker, a newer row in the log."
        if apply
        else f"Raw events marked as deleted whose rows are still there: {kinds}. `--apply` brings them back; it "
        "removes nothing.",
        soft_wrap=True,
    )

"""`rollback`: takes Langfuse out of the gateway by configuration, and puts it back. Nothing is removed."""

from dataclasses import asdict
from pathlib import Path

from ops import report
from ops.answer import answer
from ops.evidence import recorded
from ops.lifecycle import converge
from ops.plan import as_dict
from ops.recover import exclusive, recover
from ops.runtime import runtime_of, start_service
from ops.session import RefusedError, Session, open_session
from ops.smoke import access
from ops.switching import hold, release
from ops.terminal import Console

GATEWAY = "gateway"
TRACING = "gateway:tracing"
UNDO = "python -m ops rollback --undo"


def rollback(stack: str, config_file: Path | None, *, undo: bool, note: str, as_json: bool) -> None:
    """Switch tracing off, or back on, and redeploy the gateway; the switch stays until it is undone.

    The switch is thrown first, so a run that was cut short is finished by any next one. Services that are down, which
    may be why this is run, are not waited for: only the gateway is proven.

    Args:
        stack: name of the stack.
        config_file: its settings file.
        undo: back on.
        note: why, for the decision log.
        as_json: print JSON.

    Raises:
        OpsError: there is no stack, or the gateway could not be redeployed.
    """
    console = Console(stderr=as_json)
    session = open_session(stack, config_file)
    if not session.exists():
        raise RefusedError(f"there is no stack {stack}, so there is nothing to {'undo' if undo else 'roll back'}")
    with recorded(session, "undo" if undo else "rollback", {"note": note} if note else {}) as run:
        with exclusive(session):
            recover(session, console)
            switched = release(session, TRACING) if undo else hold(session, TRACING, "false", UNDO)
            run.facts["switches"] = {switch.key: switch.value for switch in switched.switches}
            report.resolve_images(switched, console)
            plan = converge(switched, console)
        with access(switched) as to:
            hops = [asdict(hop) for hop in report.follow(to, console)]
        start_service(runtime_of(switched), GATEWAY)  # it runs: the platform may not call it well yet
    _tell(switched, console)
    if as_json:
        switches = [asdict(switch) for switch in switched.switches]
        answer({"tracing": switched.settings.gateway.tracing, "switches": switches, **as_dict(plan), "hops": hops})


def _tell(session: Session, console: Console) -> None:
    if session.switches:
        console.print("Langfuse is switched off in the gateway. No secret, volume or database was removed.")
        report.show_switches(session, console)
    elif session.settings.gateway.tracing:
        console.print("Langfuse is switched on in the gateway; calls are traced again.")
    else:
        console.print(f"{TRACING} is false in {session.config_file}: set it to true there and run `make up`.")

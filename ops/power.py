"""`stop` and `start` of one service: what runs it goes and comes back, what it stores is not touched."""

from pathlib import Path

from components.langfuse import WEB_STOP_GRACE
from ops.answer import answer
from ops.evidence import recorded
from ops.recover import exclusive
from ops.runtime import known, runtime_of, start_service
from ops.session import open_session
from ops.terminal import Console
from ops.workers import WEB_NAME, tell_of_killed


def stop(stack: str, config_file: Path | None, service: str, *, as_json: bool) -> None:
    """Stop a service; twice is the same as once.

    Raises:
        OpsError: there is no such service, or it could not be stopped.
    """
    session = open_session(stack, config_file)
    runtime, console = runtime_of(session), Console(stderr=as_json)
    with recorded(session, "stop", {"service": service}), exclusive(session):
        rested = known(runtime, service).rests
        if not rested:
            if WEB_NAME.fullmatch(service):
                console.print(f"{service} serves on for up to {WEB_STOP_GRACE} s after it is asked to stop.")
            runtime.stop(service)
    if rested:
        console.print(f"{service} is stopped already.")
    else:
        console.print(f"{service} is stopped; its data, image and settings stay.")
        console.print(f"`python -m ops start {service}` starts it again.")
    if as_json:
        answer({"service": service, "runs": False, "changed": not rested})


def start(stack: str, config_file: Path | None, service: str, *, as_json: bool) -> None:
    """Start a service and wait until it is well; twice is the same as once.

    Raises:
        OpsError: there is no such service, or it does not become well.
    """
    session = open_session(stack, config_file)
    runtime, console = runtime_of(session), Console(stderr=as_json)
    with recorded(session, "start", {"service": service}), exclusive(session):
        before = known(runtime, service)
        start_service(runtime, service)
    console.print(f"{service} runs and is well.")
    if before.rests:
        tell_of_killed({service: int(before.detail.get("exit_code", 0))}, console)
    if as_json:
        answer({"service": service, "runs": True, "changed": not before.runs})

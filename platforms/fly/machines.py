"""The machine of an app: exactly one, and how long it is waited for."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from platforms.fly import argv, replies
from platforms.fly.client import Client
from platforms.fly.driver import Answer
from platforms.fly.errors import AGAIN, UNSURE, MachineCountError, TimedOutError, UnhealthyError, VanishedError
from platforms.fly.requests import StateRequest

LONGEST_PAUSE = 3
"""Seconds between two looks."""
LOOKS = 200
_READ_LOGS = f"read its log for the reason and mend that, {AGAIN}"
RESTING = frozenset({"stopped", "suspended", "created"})
Seen = TypeVar("Seen")


def machines(fly: Client, app: str) -> Sequence[replies.Machine]:
    """The app's machines that count."""
    listed = replies.many(replies.Machine, fly(argv.machine_list(app)))
    return [machine for machine in listed if machine.state.lower() not in replies.GONE]


def at_most_one(fly: Client, app: str) -> replies.Machine | None:
    """The app's machine, if it has one.

    Raises:
        MachineCountError: it has several; names their ids.
    """
    found = machines(fly, app)
    if len(found) > 1:
        ids = ", ".join(sorted(machine.id for machine in found))
        raise MachineCountError(
            f"app {app} has {len(found)} machines ({ids}), and this stack runs exactly 1",
            f"find out which one has the volume, have the others retired by hand, {AGAIN}",
            f"fly machine list -a {app}",
        )
    return found[0] if found else None


def healthy(fly: Client, app: str) -> replies.Machine:
    """The app's one machine, started and with all its checks passing; waited for.

    Raises:
        MachineCountError: there is none, or there are several.
        UnhealthyError: it did not get there in time; says what was seen last.
    """

    def look() -> tuple[replies.Machine | None, str]:
        machine = at_most_one(fly, app)
        return machine, "no machine" if machine is None else _fault(machine)

    machine, fault = until(fly, look, lambda seen: not seen[1])
    if machine is None:
        raise MachineCountError(f"app {app} has no machine after its deployment", _READ_LOGS, f"fly logs -a {app}")
    if fault:
        raise UnhealthyError(f"app {app}, machine {machine.id}: {fault}", _READ_LOGS, f"fly logs -a {app}")
    return machine


def _fault(machine: replies.Machine) -> str:
    if machine.state.lower() != "started":
        return f"state is {machine.state or 'unknown'}"
    if not machine.checks:
        return "no health check is reported yet"
    red = [check for check in machine.checks if check.status.lower() != "passing"]
    return "; ".join(f"check {check.name} is {check.status} ({check.output.strip()[:200]})" for check in red)


def until(fly: Client, look: Callable[[], Seen], accept: Callable[[Seen], bool]) -> Seen:
    """Look until it is accepted or patience ends; the last thing seen."""
    for number in range(1, LOOKS):
        seen = look()
        if accept(seen):
            return seen
        fly.sleep(min(number, LONGEST_PAUSE))
    return look()


def set_state(fly: Client, request: StateRequest) -> Answer:
    """Start every machine of an app and wait until its checks pass, or stop them; volumes are not touched.

    Raises:
        VanishedError: the app has no machine.
        UnhealthyError: a machine did not get there in time; says what was seen last.
    """
    found = machines(fly, request.app)
    if not found:
        raise VanishedError(
            f"app {request.app} has no machine to {_verb(request)}", "put the stack up first", "make up"
        )
    change = argv.machine_start if request.want == "started" else argv.machine_stop
    for machine in found:
        if not _is(machine, request.want):
            try:
                fly(change(request.app, machine.id))
            except UNSURE as error:
                seen = machines(fly, request.app)
                if isinstance(error, TimedOutError) or not all(_is(machine, request.want) for machine in seen):
                    raise
    if _amiss(found, request):
        found = until(fly, lambda: machines(fly, request.app), lambda seen: not _amiss(seen, request))
    fault = _amiss(found, request)
    if fault:
        raise UnhealthyError(f"app {request.app}: {fault}", _READ_LOGS, f"fly logs -a {request.app}")
    return {"app": request.app, "state": request.want}


def _amiss(seen: Sequence[replies.Machine], request: StateRequest) -> str:
    """What is not yet as it was asked for; empty when all is."""
    if request.want == "started":
        return "; ".join(fault for fault in map(_fault, seen) if fault)
    return "; ".join(_fault(machine) or "state is started" for machine in seen if not _is(machine, request.want))


def _is(machine: replies.Machine, want: str) -> bool:
    state = machine.state.lower()
    return state == "started" if want == "started" else state in RESTING


def _verb(request: StateRequest) -> str:
    return "start" if request.want == "started" else "stop"

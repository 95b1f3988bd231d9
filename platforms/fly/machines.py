"""The machines of an app: how many, how they start and stop, and how long they are waited for."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from platforms.fly import argv, replies
from platforms.fly.client import Client
from platforms.fly.errors import (
    AGAIN,
    UNSURE,
    BusyError,
    MachineCountError,
    TimedOutError,
    UnhealthyError,
    VanishedError,
)
from platforms.fly.replies import Machine
from platforms.fly.requests import StateRequest

MAX_PAUSE = 3
"""Seconds between two looks."""
LOOKS = 200
STARTS = 20
"""How often a machine is started that Fly is still replacing."""
SETTLED = 2
"""Seconds after which a stopped machine must still be stopped."""
MEND = f"read its log for the reason and mend that, {AGAIN}"
Seen = TypeVar("Seen")


def machines(fly: Client, app: str) -> Sequence[Machine]:
    """The app's machines that count, always in the same order."""
    listed = replies.many(Machine, fly(argv.listing(app, "machine", "list")))
    return sorted((machine for machine in listed if machine.counts), key=lambda machine: machine.id)


def at_most(fly: Client, app: str, count: int) -> Sequence[Machine]:
    """The app's machines, where it may have no more than `count`.

    Raises:
        MachineCountError: it has more; names their ids.
    """
    found = machines(fly, app)
    if len(found) > count:
        raise MachineCountError(
            f"app {app} has {len(found)} machines ({', '.join(machine.id for machine in found)}), and this stack runs "
            f"exactly {count}",
            f"find out which one has the volume, have the others retired by hand, {AGAIN}",
            f"fly machine list -a {app}",
        )
    return found


def run_all(fly: Client, app: str, replicas: int) -> Sequence[Machine]:
    """Have `replicas` machines run and be healthy, one after the other: the first one of a release may migrate.

    A machine that is missing is cloned from the first; one too many, which holds no data, is stopped and left.

    Raises:
        MachineCountError: there is no machine.
        UnhealthyError: one did not become healthy in time; says what was seen last.
        FlyError: a call failed.
    """
    found = machines(fly, app)
    if not found:
        raise MachineCountError(f"app {app} has no machine after its deployment", MEND, f"fly logs --no-tail -a {app}")
    unwell = [machine for machine in found[:replicas] if machine.fault]
    surplus = [machine for machine in found[replicas:] if not machine.rests]
    for machine in sorted(unwell, key=lambda machine: not machine.started):
        _run(fly, app, machine)
    for _ in range(replicas - len(found)):
        _clone(fly, app, found[0])
    for machine in surplus:
        _change(fly, app, machine, "stopped")
    changed = unwell or surplus or len(found) < replicas
    return (machines(fly, app) if changed else found)[:replicas]


def _clone(fly: Client, app: str, source: Machine) -> None:
    before = {machine.id for machine in machines(fly, app)}
    failure = None
    try:
        fly(argv.machine("clone", app, source.id))
    except UNSURE as error:
        failure = error
    made = [machine for machine in machines(fly, app) if machine.id not in before]
    if not made:
        raise failure or MachineCountError(f"app {app}: machine {source.id} was cloned, and no clone is listed", MEND)
    _run(fly, app, made[0])


def _run(fly: Client, app: str, machine: Machine) -> None:
    """Start a machine unless it runs, and wait until it is healthy."""
    _change(fly, app, machine, "started")

    def look() -> str:
        seen = next((each for each in machines(fly, app) if each.id == machine.id), None)
        return seen.fault if seen else "it is gone"

    fault = until(fly, look, lambda fault: not fault)
    if fault:
        raise UnhealthyError(f"app {app}, machine {machine.id}: {fault}", MEND, f"fly logs --no-tail -a {app}")


def _change(fly: Client, app: str, machine: Machine, want: str) -> None:
    """Ask for a machine's state. Fly leaves a machine stopped that was not started when it was deployed."""
    if _is(machine, want) or (want == "started" and machine.state.lower() == "starting"):
        return
    for number in range(STARTS):
        try:
            fly(argv.machine("start" if want == "started" else "stop", app, machine.id))
        except BusyError:
            if number == STARTS - 1:
                raise
            fly.sleep(min(number + 1, MAX_PAUSE))
        except UNSURE as error:
            seen = {each.id: each for each in machines(fly, app)}
            if isinstance(error, TimedOutError) or machine.id not in seen or not _is(seen[machine.id], want):
                raise
            return
        else:
            return


def until(fly: Client, look: Callable[[], Seen], accept: Callable[[Seen], bool]) -> Seen:
    """Look until it is accepted or patience ends; the last thing seen."""
    for number in range(1, LOOKS):
        seen = look()
        if accept(seen):
            return seen
        fly.sleep(min(number, MAX_PAUSE))
    return look()


def set_state(fly: Client, request: StateRequest) -> dict[str, str]:
    """Start every machine of an app and wait until its checks pass, or stop them; volumes are not touched.

    Raises:
        VanishedError: the app has no machine.
        UnhealthyError: a machine did not get there in time; says what was seen last.
    """
    found = machines(fly, request.app)
    if not found:
        verb = "start" if request.want == "started" else "stop"
        raise VanishedError(f"app {request.app} has no machine to {verb}", "put the stack up first", "make up")
    if request.want == "started":
        run_all(fly, request.app, request.replicas or len(found))
    else:
        stop_all(fly, request.app)
    return {"app": request.app, "state": request.want}


def stop_all(fly: Client, app: str) -> None:
    """Stop every machine of an app, and see that none is started again by something else.

    Raises:
        UnhealthyError: one does not stop, or does not stay stopped.
    """

    def look() -> str:
        return "; ".join(f"machine {each.id} is {each.state}" for each in machines(fly, app) if not each.rests)

    moving = [machine for machine in machines(fly, app) if not machine.rests]
    for machine in moving:
        _change(fly, app, machine, "stopped")
    fault = until(fly, look, lambda fault: not fault)
    if moving and not fault:
        fly.sleep(SETTLED)
        fault = look()
    if fault:
        raise UnhealthyError(
            f"app {app} shall be stopped: {fault}",
            f"something else starts it, for example a health service or auto_start_machines: end that, {AGAIN}",
            f"fly machine list -a {app}",
        )


def _is(machine: Machine, want: str) -> bool:
    return machine.started if want == "started" else machine.rests

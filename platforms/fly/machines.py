"""The machines of an app: how many, how they start and stop, and how long they are waited for."""

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

from platforms.fly.action import Action, Answer
from platforms.fly.client import Client
from platforms.fly.errors import AGAIN, UNSURE, BusyError, FlyError, TimedOutError, UnhealthyError
from platforms.fly.replies import Machine

MAX_PAUSE = 3
"""Seconds between two looks."""
LOOKS = 200
STARTS = 20
"""How often a machine is started that Fly is still replacing."""
SETTLED = 2
"""Seconds after which a stopped machine must still be stopped."""
MEND = f"read its log for the reason and mend that, {AGAIN}"
Seen = TypeVar("Seen")
Want = Literal["started", "stopped"]


class SetState(Action):
    """Start an app's machines (`replicas`, or all there are) and wait for their checks, or stop them all."""

    app: str
    want: Want
    replicas: int | None = None

    def do(self, fly: Client) -> Answer:
        found = machines(fly, self.app)
        if not found:
            raise FlyError(f"app {self.app} has no machine to be {self.want}", "put the stack up first", "make up")
        if self.want == "started":
            run_all(fly, self.app, self.replicas or len(found))
        else:
            stop_all(fly, self.app)
        return {"app": self.app, "state": self.want}


def machines(fly: Client, app: str) -> Sequence[Machine]:
    """The app's machines that count, always in the same order."""
    return sorted((each for each in fly.all(Machine, app) if each.counts), key=lambda machine: machine.id)


def run_all(fly: Client, app: str, replicas: int) -> Sequence[Machine]:
    """Have `replicas` machines run and be healthy, one after the other: the first one of a release may migrate.

    A machine that is missing is cloned from the first; one too many, which holds no data, is stopped and left.

    Raises:
        UnhealthyError: one did not become healthy in time; says what was seen last.
        FlyError: there is no machine, or a call failed.
    """
    found = machines(fly, app)
    if not found:
        raise FlyError(f"app {app} has no machine after its deployment", MEND, f"fly logs --no-tail -a {app}")
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


def until(fly: Client, look: Callable[[], Seen], accept: Callable[[Seen], bool]) -> Seen:
    """Look until it is accepted or patience ends; the last thing seen."""
    for number in range(1, LOOKS):
        seen = look()
        if accept(seen):
            return seen
        fly.sleep(min(number, MAX_PAUSE))
    return look()


def _clone(fly: Client, app: str, source: Machine) -> None:
    before = {machine.id for machine in machines(fly, app)}
    failure = None
    try:
        fly("machine clone", machine=source.id, app=app)
    except UNSURE as error:
        failure = error
    made = [machine for machine in machines(fly, app) if machine.id not in before]
    if not made:
        raise failure or FlyError(f"app {app}: machine {source.id} was cloned, and no clone is listed", MEND)
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


def _change(fly: Client, app: str, machine: Machine, want: Want) -> None:
    """Ask for a machine's state. Fly leaves a machine stopped that was not started when it was deployed."""
    if _is(machine, want) or (want == "started" and machine.state == "starting"):
        return
    for number in range(1, STARTS + 1):
        try:
            fly("machine start" if want == "started" else "machine stop", machine=machine.id, app=app)
        except BusyError:
            if number == STARTS:
                raise
            fly.sleep(min(number, MAX_PAUSE))
        except UNSURE as error:
            there = any(_is(each, want) for each in machines(fly, app) if each.id == machine.id)
            if isinstance(error, TimedOutError) or not there:
                raise
            return
        else:
            return


def _is(machine: Machine, want: Want) -> bool:
    return machine.started if want == "started" else machine.rests

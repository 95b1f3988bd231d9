"""Keeps workers from writing while a store restarts: they finish what they have, the rest waits in Redis."""

import json
import re
import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress

from components.langfuse import WEB_STOP_GRACE
from components.redis import CACHE
from ops.runtime import runtime_of, start_service
from ops.session import OpsError, Session
from ops.terminal import Console
from platforms.errors import PlatformError
from platforms.spec import Runtime, Status
from policy.plan import Plan, Step
from toolchain.paths import state_dir

WORKER = re.compile(r"langfuse-worker(-\d+)?")
WEB_NAME = re.compile(r"langfuse-web(?:-\d+)?")
WEB = re.compile(rf"docker:index/container:Container::({WEB_NAME.pattern})$")
STORE = re.compile(
    r"langfuse-stack:index:(?:ClickHouse|Redis)\$"
    rf"(?:docker:index/container:Container|langfuse-stack:fly:Service\$command:local:Command)::(?!{CACHE}\b)"
)
"""What runs a store that workers write to, in a URN; the cache beside Redis is none."""
KILLED = 128 + signal.SIGKILL


def tell_of_killed(exit_codes: Mapping[str, int], console: Console) -> None:
    """Say which stopped workers did not end by themselves, and how to find what they had not written yet.

    Args:
        exit_codes: of services that are stopped.
        console: takes a line for each.
    """
    for service, code in exit_codes.items():
        if WORKER.fullmatch(service) and code == KILLED:
            console.print(
                f"{service} was killed. Rows that it had not written yet are missing: `python -m ops replay --from 1h` "
                "shows them, and brings them back with `--apply`.",
            )


@contextmanager
def workers_waiting(session: Session, plan: Plan, console: Console, *, running: bool) -> Iterator[None]:
    """Stop the workers that run before the plan stops or restarts ClickHouse or Redis, and start them afterwards.

    Webs that the plan deletes with them are stopped first, all at once.
    A run that is cut short meanwhile leaves a note of what it stopped, and the next run starts that.

    Args:
        session: the stack, held by `exclusive`.
        plan: what is going to be applied.
        console: takes what is done.
        running: False leaves the workers stopped, as everything else is then.

    Raises:
        OpsError: a worker could not be stopped, or does not start again.
    """
    note = state_dir() / f"{session.stack}.waiting-workers.json"
    waiting: list[str] = json.loads(note.read_text()) if note.exists() else []
    if not waiting and not any(map(_restarts_a_store, plan.steps)):
        yield
        return
    runtime = runtime_of(session)
    try:
        if any(map(_restarts_a_store, plan.steps)):
            found = runtime.services()
            workers = {name for name in found if WORKER.fullmatch(name) and _may_write(found[name])}
            webs = sorted(name for name in _webs_to_delete(plan) & found.keys() if _may_write(found[name]))
            waiting = sorted({*waiting, *workers})
            note.write_text(json.dumps([*waiting, *webs]))
            for worker in waiting:
                runtime.stop(worker)
            if waiting:
                console.print(f"stopped while a store is: {', '.join(waiting)}; traces wait in the queue")
            if webs:
                _stop_together(runtime, webs, console)
        yield
    except BaseException:
        for worker in waiting if running else ():
            with suppress(OpsError, PlatformError):
                start_service(runtime, worker)
        raise
    if running:
        there = runtime.services() if waiting else {}
        with ExitStack() as starts:
            for worker in sorted({*waiting} & there.keys(), reverse=True):
                starts.callback(start_service, runtime, worker)
    note.unlink(missing_ok=True)


def _webs_to_delete(plan: Plan) -> set[str]:
    """Webs of this machine that the engine would stop one after the other, and wait as long for each."""
    return {found[1] for step in plan.steps if step.op == "delete" and (found := WEB.search(step.urn))}


def _stop_together(runtime: Runtime, webs: Sequence[str], console: Console) -> None:
    console.print(f"stopping {', '.join(webs)}: web serves on for up to {WEB_STOP_GRACE} s")
    with ThreadPoolExecutor(len(webs)) as pool:
        for stopped in [pool.submit(runtime.stop, web) for web in webs]:
            stopped.result()


def _may_write(status: Status) -> bool:
    return not status.rests and status.state != "no machine"


def _restarts_a_store(step: Step) -> bool:
    return step.op not in {"create", "same"} and STORE.search(step.urn) is not None

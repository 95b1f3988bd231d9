"""Looks into services that run as apps of Fly. The only part of the doctor that knows Fly."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from ops.doctor.looks import MIGRATIONS, UNKNOWN, Facts, LookError
from ops.session import ROOT, Session

SECONDS = 30
"""For one call of the platform's command line."""
ENDING_SECONDS = 3
TOLD = frozenset({"langfuse-web", "langfuse-worker", "gateway"})
"""Services of which rows ask what they were given."""
Call = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""Answers an action of `python -m platforms.fly`; raises `LookError`."""
Made = TypeVar("Made")


class FlyLooks:
    """Apps are known by the stack's state. Each question is asked once, whoever wants to know.

    Args:
        apps: service to app, of everything that was deployed.
        call: how the platform is asked; see `caller`.
    """

    def __init__(self, apps: Mapping[str, str], call: Call) -> None:
        self._apps = apps
        self._call = call
        self._lock = threading.Lock()
        self._answers: dict[Hashable, Future[Any]] = {}

    def facts(self) -> Mapping[str, Sequence[Facts]]:
        """Every machine of every app; all apps are asked at the same time."""
        return self._once("facts", self._facts)

    def reach(self, service: str, targets: Sequence[str]) -> Mapping[str, str]:
        """See `Looks`; done by a script in the machine, with whatever its image has for it."""
        request = {"app": self._app(service), "targets": list(targets)}
        seen = self._once((service, *targets), lambda: self._call("reach", request)["seen"])
        return {str(target): str(answer) for target, answer in seen.items()}

    def filesystem(self, service: str, path: str) -> str:
        """See `Looks`."""
        return str(self._call("filesystem", {"app": self._app(service), "path": path})["type"])

    def log(self, service: str, seconds: float) -> bytes:
        """See `Looks`; of what Fly has at hand."""
        return str(self._call("recent", {"app": self._app(service), "seconds": seconds})["text"]).encode()

    def migration(self, version: int) -> str | None:
        """See `Looks`."""
        request = {"app": self._app("langfuse-web"), "folder": MIGRATIONS, "version": version}
        text = self._call("migration", request)["text"]
        return None if text is None else str(text)

    def _facts(self) -> Mapping[str, Sequence[Facts]]:
        if not self._apps:
            return {}
        with ThreadPoolExecutor(len(self._apps)) as pool:
            return dict(zip(self._apps, pool.map(self._look, self._apps), strict=True))

    def _look(self, service: str) -> Sequence[Facts]:
        app = self._apps[service]
        try:
            seen = self._call("look", {"app": app, "environment": service in TOLD})
        except LookError as error:
            return [Facts(service, app, UNKNOWN, "-", "", unread=str(error))]
        return [_facts_of(service, app, machine, seen) for machine in seen["machines"]]

    def _app(self, service: str) -> str:
        if service not in self._apps:
            raise LookError(f"there is no {service}", "`make up` makes it")
        return self._apps[service]

    def _once(self, question: Hashable, answer: Callable[[], Made]) -> Made:
        with self._lock:
            known = self._answers.get(question)
            future: Future[Made] = known or self._answers.setdefault(question, Future())
        if known is None:
            try:
                future.set_result(answer())
            except Exception as error:  # noqa: BLE001 - whoever waits for the answer is told
                future.set_exception(error)
        return future.result()


def _facts_of(service: str, app: str, machine: Mapping[str, Any], seen: Mapping[str, Any]) -> Facts:
    state = str(machine["state"])
    return Facts(
        service=service,
        name=app if len(seen["machines"]) == 1 else f"{app}/{machine['name']}",
        state="running" if state == "started" else state,
        health=str(machine["health"]),
        image=str(machine["image"]),
        env=dict(seen.get("env") or {}),
        unread=str(seen.get("unread") or ""),
        secrets=frozenset(seen.get("secrets") or ()),
        restarts=int(machine["restarts"]),
        out_of_memory=bool(machine["out_of_memory"]),
    )


def caller(session: Session, seconds: float = SECONDS) -> Call:
    """Asks the platform's own command line.

    Args:
        session: whose environment it runs in.
        seconds: for each call.
    """

    def call(action: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        argv = [sys.executable, "-m", "platforms.fly", action]
        with subprocess.Popen(
            argv,
            cwd=ROOT,
            env=session.variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                answer, said = process.communicate(json.dumps(request), timeout=seconds)
            except subprocess.TimeoutExpired:
                _end(process)
                raise LookError(f"fly {action} of {request['app']}: no end after {seconds:.0f} s") from None
        if process.returncode != 0:
            raise LookError(" ".join(said.split())[:300] or f"fly {action}: status {process.returncode}")
        found: Mapping[str, Any] = json.loads(answer)
        return found

    return call


def _end(process: "subprocess.Popen[str]") -> None:
    """Have it end what it runs, and itself."""
    process.send_signal(signal.SIGINT)
    try:
        process.communicate(timeout=ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()

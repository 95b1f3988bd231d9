"""What runs of a stack on Fly, through the actions of this folder. Apps are known by the stack's state."""

import json
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property, partial
from typing import Any, TypeVar

from evidence import EvidenceError
from platforms.errors import PlatformError
from platforms.fly.action import Action
from platforms.fly.argv import INTERNAL, tunnel
from platforms.fly.client import Call, Client, caller, require_version, run
from platforms.fly.errors import FlyError
from platforms.fly.looks import Inspect, Logs
from platforms.fly.machines import SetState
from platforms.fly.volumes import TakeSnapshot
from platforms.spec import UNKNOWN, UNWATCHED, Address, Instance, Memory, Status

COMMAND = "$command:local:Command"
SERVICE = f"langfuse-stack:fly:Service{COMMAND}"
VOLUME = f"langfuse-stack:fly:Volume{COMMAND}"
ENTERED = frozenset({"langfuse-web", "langfuse-worker", "gateway"})
"""Services of which it is asked what they were given."""
Resource = Mapping[str, Any]
Made = TypeVar("Made")


class FlyRuntime:
    """See `Runtime`. The platform records its own commands as evidence.

    Args:
        resources: everything in the stack's state; read when it is needed.
        app: service to app.
        replicas: of a service.
        variables: environment that finds `fly` and its login.
        call: how the platform is asked what has to be answered within seconds; `caller` without.
    """

    def __init__(
        self,
        resources: Callable[[], Sequence[Resource]],
        app: Callable[[str], str],
        replicas: Callable[[str], int],
        variables: Mapping[str, str],
        call: Call | None = None,
    ) -> None:
        self._read, self._app_of, self._replicas = resources, app, replicas
        self._variables = variables
        self._call = call or caller(variables)
        self._lock = threading.Lock()
        self._answers: dict[Hashable, Future[Any]] = {}

    def services(self) -> dict[str, Status]:
        """See `Runtime`."""
        seen = self._inspected(machines_only=True)
        return {
            service: _status(service, app, seen.get(app) or {}, self._replicas(service))
            for service, app in self._apps.items()
        }

    def logs(self, service: str, lines: int) -> str:
        """See `Runtime`."""
        return str(ask(Logs(app=self._deployed(service), lines=lines), self._variables)["text"])

    def stop(self, service: str) -> None:
        """See `Runtime`."""
        ask(SetState(app=self._deployed(service), want="stopped"), self._variables)

    def start(self, service: str) -> None:
        """See `Runtime`."""
        app, replicas = self._deployed(service), self._replicas(service)
        ask(SetState(app=app, want="started", replicas=replicas), self._variables)

    def snapshots(self) -> Mapping[str, str]:
        """See `Runtime`."""
        answers = [json.loads(entry["outputs"]["stdout"]) for entry in self._of(VOLUME)]
        volumes = [TakeSnapshot(name=answer["name"], id=answer["id"]) for answer in answers]
        return {volume.name: ask(volume, self._variables)["snapshot"] for volume in volumes}

    def about(self) -> Mapping[str, Any]:
        """See `Runtime`."""
        seen = self._inspected(machines_only=False)
        return {service: {"app": app, **(seen.get(app) or {})} for service, app in self._apps.items()}

    def unready(self) -> Sequence[str]:
        """See `Runtime`: a command line that is missing or too old."""
        try:
            require_version(self._variables)
        except FlyError as error:
            return [str(error)]
        return []

    def settings_of(self, service: str) -> Mapping[str, str]:
        """See `Runtime`; as it was deployed."""
        request = next((entry["outputs"]["stdin"] for entry in self._of(SERVICE) if _name(entry) == service), None)
        if request is None:
            raise PlatformError(f"the stack has no {service}-deploy yet: run `make up`")
        if isinstance(request, Mapping):  # a secret
            request = json.loads(request["plaintext"])
        return dict(json.loads(str(request))["toml"]["env"])

    def address(self, service: str, port: int) -> Address | None:
        """See `Runtime`."""
        app = self._app_of(service)
        host = f"{app}{INTERNAL}:{port}"
        return Address(host, host, tunnel(app, port))

    def memory(self) -> Sequence[Memory]:
        """See `Runtime`; Fly's own metrics have it."""
        return ()

    def instances(self) -> Mapping[str, Sequence[Instance]]:
        """See `Runtime`: every machine of every app; all apps are asked at the same time."""
        return self._once("instances", self._instances)

    def reach(self, service: str, targets: Sequence[str]) -> Mapping[str, str]:
        """See `Runtime`; done by a script in the machine, with whatever its image has for it. Asked once."""
        request = {"app": self._reached(service), "targets": list(targets)}
        seen = self._once((service, *targets), lambda: self._call("reach", request)["seen"])
        return {str(target): str(answer) for target, answer in seen.items()}

    def filesystem(self, service: str, path: str) -> str:
        """See `Runtime`."""
        return str(self._call("filesystem", {"app": self._reached(service), "path": path})["type"])

    def recent(self, service: str, seconds: float) -> bytes:
        """See `Runtime`; of what Fly has at hand."""
        return str(self._call("recent", {"app": self._reached(service), "seconds": seconds})["text"]).encode()

    def migration(self, service: str, folder: str, version: int) -> str | None:
        """See `Runtime`."""
        request = {"app": self._reached(service), "folder": folder, "version": version}
        text = self._call("migration", request)["text"]
        return None if text is None else str(text)

    @cached_property
    def _resources(self) -> Sequence[Resource]:
        return self._read()

    @cached_property
    def _apps(self) -> dict[str, str]:
        """Service to app, for every service that the state knows as deployed."""
        return {service: self._app_of(service) for service in map(_name, self._of(SERVICE))}

    def _of(self, chain: str) -> list[Resource]:
        return [entry for entry in self._resources if entry["urn"].rpartition("::")[0].endswith(chain)]

    def _inspected(self, *, machines_only: bool) -> Mapping[str, Any]:
        """App to what Fly says of it."""
        apps = sorted(self._apps.values())
        return dict(ask(Inspect(apps=apps, machines_only=machines_only), self._variables)["apps"])

    def _deployed(self, service: str) -> str:
        if service not in self._apps:
            raise PlatformError(f"there is no app of {service}: run `make up`")
        return self._apps[service]

    def _reached(self, service: str) -> str:
        if service not in self._apps:
            raise PlatformError(f"there is no {service}", "`make up` makes it")
        return self._apps[service]

    def _instances(self) -> Mapping[str, Sequence[Instance]]:
        if not self._apps:
            return {}
        with ThreadPoolExecutor(len(self._apps)) as pool:
            return dict(zip(self._apps, pool.map(self._machines, self._apps), strict=True))

    def _machines(self, service: str) -> Sequence[Instance]:
        app = self._apps[service]
        try:
            seen = self._call("look", {"app": app, "environment": service in ENTERED})
        except PlatformError as error:
            return [Instance(service, app, UNKNOWN, UNWATCHED, "", unread=str(error))]
        return [_instance(service, app, machine, seen) for machine in seen["machines"]]

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


def ask(action: Action, variables: Mapping[str, str]) -> Mapping[str, Any]:
    """What the platform answers.

    Args:
        action: what it is asked.
        variables: environment that finds `fly` and its login.

    Raises:
        PlatformError: it could not be done; names the reason and the fix.
    """
    fly = Client(partial(run, environment=variables), action.hidden)
    try:
        return action.do(fly)
    except (FlyError, EvidenceError) as error:
        raise PlatformError(fly.clean(str(error))) from None


def _name(entry: Resource) -> str:
    return str(entry["urn"]).rpartition("::")[2].removesuffix("-deploy")


def _status(service: str, app: str, seen: Mapping[str, Any], replicas: int) -> Status:
    if "error" in seen:
        return Status(service, UNKNOWN, {"app": app, **seen})
    machines = seen.get("machines") or []
    found = [str(machine.get("state", "?")) for machine in machines]
    # Machines beyond the replicas are stopped, and left for people to retire.
    states = ["started"] if found.count("started") >= replicas else sorted(set(found))
    return Status(service, states[0] if len(states) == 1 else ", ".join(states) or "no machine", {"app": app, **seen})


def _instance(service: str, app: str, machine: Mapping[str, Any], seen: Mapping[str, Any]) -> Instance:
    state = str(machine["state"])
    return Instance(
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

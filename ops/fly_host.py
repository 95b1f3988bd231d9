"""A stack's services on Fly, through the platform's own actions."""

import json
from collections.abc import Mapping
from functools import cached_property, partial
from typing import Any

from evidence import EvidenceError
from ops.host import Status
from ops.session import OpsError, Session
from ops.state import State, read_state
from platforms.fly.action import Action
from platforms.fly.client import Client, run
from platforms.fly.errors import FlyError
from platforms.fly.looks import Inspect, Logs
from platforms.fly.machines import SetState
from platforms.fly.volumes import TakeSnapshot
from settings import Settings

SERVICE = "langfuse-stack:fly:Service"
VOLUME = "langfuse-stack:fly:Volume"


class FlyHost:
    """Every app of the session's stack; see `ops.host.Host`. The platform records its own commands as evidence."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def services(self) -> dict[str, Status]:
        """See `Host`."""
        seen = self._inspected(machines_only=True)
        replicas = self._session.settings.replicas
        return {
            service: _status(service, app, seen.get(app) or {}, replicas(service))
            for service, app in self._apps.items()
        }

    def logs(self, service: str, lines: int) -> str:
        """See `Host`."""
        return str(ask(self._session, Logs(app=self._app(service), lines=lines))["text"])

    def stop(self, service: str) -> None:
        """See `Host`."""
        ask(self._session, SetState(app=self._app(service), want="stopped"))

    def start(self, service: str) -> None:
        """See `Host`."""
        replicas = self._session.settings.replicas(service)
        ask(self._session, SetState(app=self._app(service), want="started", replicas=replicas))

    def snapshots(self) -> Mapping[str, str]:
        """See `Host`."""
        return {volume.name: ask(self._session, volume)["snapshot"] for volume in self._volumes}

    def facts(self) -> Mapping[str, Any]:
        """See `Host`."""
        seen = self._inspected(machines_only=False)
        return {service: {"app": app, **(seen.get(app) or {})} for service, app in self._apps.items()}

    def _inspected(self, *, machines_only: bool) -> Mapping[str, Any]:
        """App to what Fly says of it."""
        apps = sorted(self._apps.values())
        return dict(ask(self._session, Inspect(apps=apps, machines_only=machines_only))["apps"])

    @cached_property
    def _apps(self) -> dict[str, str]:
        return apps_of(self._session.settings, read_state(self._session))

    @property
    def _volumes(self) -> list[TakeSnapshot]:
        """Every volume that the state knows."""
        answers = [
            json.loads(entry["outputs"]["stdout"])
            for entry in read_state(self._session).resources
            if entry["urn"].rpartition("::")[0].endswith(f"{VOLUME}$command:local:Command")
        ]
        return [TakeSnapshot(name=answer["name"], id=answer["id"]) for answer in answers]

    def _app(self, service: str) -> str:
        if service not in self._apps:
            raise OpsError(f"there is no app of {service}: run `make up`")
        return self._apps[service]


def ask(session: Session, action: Action) -> Mapping[str, Any]:
    """What the platform answers.

    Raises:
        OpsError: it could not be done; names the reason and the fix.
    """
    fly = Client(partial(run, environment=session.variables), action.hidden)
    try:
        return action.do(fly)
    except (FlyError, EvidenceError) as error:
        raise OpsError(fly.clean(str(error))) from None


def apps_of(settings: Settings, state: State) -> dict[str, str]:
    """Service to app, for every service that the state knows as deployed."""
    found = {}
    for entry in state.resources:
        chain, _, name = entry["urn"].rpartition("::")
        if chain.endswith(f"{SERVICE}$command:local:Command"):
            service = name.removesuffix("-deploy")
            found[service] = settings.fly_app(service)
    return found


def _status(service: str, app: str, seen: Mapping[str, Any], replicas: int) -> Status:
    if "error" in seen:
        return Status(service, "unknown", {"app": app, **seen})
    machines = seen.get("machines") or []
    found = [str(machine.get("state", "?")) for machine in machines]
    # Machines beyond the replicas are stopped, and left for people to retire.
    states = ["started"] if found.count("started") >= replicas else sorted(set(found))
    return Status(service, states[0] if len(states) == 1 else ", ".join(states) or "no machine", {"app": app, **seen})

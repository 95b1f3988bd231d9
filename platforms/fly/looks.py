"""Looks at apps and into their machines, and changes nothing."""

from datetime import UTC, datetime, timedelta

from pydantic import Field

from platforms.fly.action import Action, Answer
from platforms.fly.apps import OWNED
from platforms.fly.client import Client
from platforms.fly.errors import FlyError
from platforms.fly.replies import LogEntry, Machine, OfApp, Release, Secret, Volume, stream

HEALTH = {"passing": "healthy", "warning": "starting", "critical": "unhealthy"}
FLYS_OWN = ("FLY_", "PRIMARY_REGION", OWNED)
"""What names of variables begin with that Fly itself adds, or that only say whose the app is."""


class Inspect(Action):
    """Machines, volumes, names of secrets and releases of apps; an app that cannot be read has `error` instead."""

    apps: list[str]
    machines_only: bool = False
    """Leave out the others, which take a call each."""

    def do(self, fly: Client) -> Answer:
        return {"apps": {app: self._inspected(fly, app) for app in self.apps}}

    def _inspected(self, fly: Client, app: str) -> Answer:
        def plain(model: type[OfApp]) -> list[Answer]:
            return [
                item.model_dump(mode="json", exclude={"events": True, "config": {"env": True, "files": True}})
                for item in fly.all(model, app)
            ]

        try:
            found: Answer = {"machines": plain(Machine)}
            if self.machines_only:
                return found
            names = sorted(secret.name for secret in fly.all(Secret, app))
            return found | {"volumes": plain(Volume), "secrets": names, "releases": plain(Release)}
        except FlyError as error:
            return {"error": str(error)}


class Logs(Action):
    """The last lines of an app's log, without anything secret; empty where Fly has none at hand."""

    app: str
    lines: int = Field(default=200, ge=1, le=10_000)

    def do(self, fly: Client) -> Answer:
        text = fly.clean(fly("logs", app=self.app))
        return {"app": self.app, "text": "\n".join(text.splitlines()[-self.lines :])}


class Recent(Action):
    """What an app wrote in the last `seconds`, without anything secret; a time that cannot be read is recent."""

    app: str
    seconds: float = Field(gt=0)

    def do(self, fly: Client) -> Answer:
        since = datetime.now(UTC) - timedelta(seconds=self.seconds)
        entries = stream(LogEntry, fly("logs", app=self.app, json=True))
        lines = [entry.message for entry in entries if _time(entry.timestamp, since) >= since]
        return {"app": self.app, "text": fly.clean("\n".join(lines))}


class Look(Action):
    """Machines of an app; on request with its environment, or `unread`, which says why there is none."""

    app: str
    environment: bool = False
    """Secrets are in the clear."""

    def do(self, fly: Client) -> Answer:
        found = [machine for machine in fly.all(Machine, self.app) if machine.counts]
        answer: Answer = {"app": self.app, "machines": [_facts(machine) for machine in found]}
        if not self.environment:
            return answer
        started = next((machine for machine in found if machine.started), None)
        if started is None:
            return {**answer, "unread": f"no machine of app {self.app} runs"}
        try:
            return {**answer, **self._environment(fly, started)}
        except FlyError as error:
            return {**answer, "unread": error.what}

    def _environment(self, fly: Client, machine: Machine) -> Answer:
        """Variables that the app declares, as the machine has them: what its image and Fly bring is left out."""
        secrets = {secret.name for secret in fly.all(Secret, self.app)}
        secrets -= {file.secret_name for file in machine.config.files}
        declared = {name for name in {*machine.config.env, *secrets} if not name.startswith(FLYS_OWN)}
        found = fly("ssh console", app=self.app, inside="environ").split("\0")
        given = dict(item.split("=", 1) for item in found if "=" in item)
        if declared and not declared & given.keys():
            return {"unread": f"the machine of app {self.app} does not say what it was given"}
        env = {name: given[name] for name in sorted(declared) if name in given}
        return {"env": env, "secrets": sorted(secrets & given.keys())}


class Reach(Action):
    """Connect from the app's machine to each `host:port`: each target to `ok`, or what went wrong."""

    app: str
    targets: list[str] = Field(min_length=1)

    def do(self, fly: Client) -> Answer:
        text = fly("ssh console", app=self.app, inside="reach", targets=self.targets)
        seen = {target: answer for target, _, answer in (line.partition(" ") for line in text.splitlines())}
        return {"app": self.app, "seen": {target: seen.get(target, "no answer") for target in self.targets}}


class Filesystem(Action):
    """Type of the file system that holds `path` in the app's machine, as `stat -f` names it."""

    app: str
    path: str

    def do(self, fly: Client) -> Answer:
        return {"app": self.app, "type": fly("ssh console", app=self.app, inside="filesystem", path=self.path).strip()}


class Migration(Action):
    """The migration of that number in a folder of the app's machine; None where it has none."""

    app: str
    folder: str
    version: int = Field(ge=0)

    def do(self, fly: Client) -> Answer:
        text = fly("ssh console", app=self.app, inside="migration", path=self.folder, version=self.version)
        return {"app": self.app, "text": text or None}


def _facts(machine: Machine) -> Answer:
    statuses = {check.status for check in machine.checks}
    ends = [event.request for event in machine.events if event.type == "exit"]
    return {
        "name": machine.name or machine.id,
        "state": machine.state,
        "health": next((HEALTH[status] for status in reversed(HEALTH) if status in statuses), "-"),
        "image": machine.config.image,
        "restarts": max((end.restart_count for end in ends), default=0),
        "out_of_memory": any(end.out_of_memory for end in ends[:1]),
    }


def _time(text: str, otherwise: datetime) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return otherwise
    return found if found.tzinfo else found.replace(tzinfo=UTC)

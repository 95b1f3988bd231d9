"""Looks at an app and into its machine, and changes nothing."""

from datetime import UTC, datetime, timedelta

from platforms.fly import argv, inside, replies
from platforms.fly.client import Client
from platforms.fly.driver import Answer
from platforms.fly.errors import FlyError
from platforms.fly.ownership import PREFIX
from platforms.fly.replies import LogEntry, MachineInFull
from platforms.fly.requests import FilesystemRequest, LookRequest, MigrationRequest, ReachRequest, RecentRequest

HEALTH = {"passing": "healthy", "warning": "starting", "critical": "unhealthy"}
FLYS_OWN = ("FLY_", "PRIMARY_REGION", PREFIX)
"""What names of variables begin with that Fly itself adds, or that only say whose the app is."""


def look(fly: Client, request: LookRequest) -> Answer:
    """Machines of an app; on request with its environment, or `unread`, which says why there is none.

    Raises:
        FlyError: its machines cannot be listed.
    """
    listed = replies.many(MachineInFull, fly(argv.listing(request.app, "machine", "list")))
    machines = [machine for machine in listed if machine.counts]
    answer: Answer = {"app": request.app, "machines": [_facts(machine) for machine in machines]}
    if not request.environment:
        return answer
    started = next((machine for machine in machines if machine.started), None)
    if started is None:
        return {**answer, "unread": f"no machine of app {request.app} runs"}
    try:
        return {**answer, **_environment(fly, request.app, started)}
    except FlyError as error:
        return {**answer, "unread": error.what}


def _facts(machine: MachineInFull) -> Answer:
    statuses = {check.status.lower() for check in machine.checks}
    worst = next((HEALTH[status] for status in reversed(HEALTH) if status in statuses), "-")
    ends = [event.request for event in machine.events if event.type == "exit"]
    return {
        "name": machine.name or machine.id,
        "state": machine.state,
        "health": worst,
        "image": machine.config.image,
        "restarts": max((end.restart_count for end in ends), default=0),
        "out_of_memory": any(end.out_of_memory for end in ends[:1]),
    }


def _environment(fly: Client, app: str, machine: MachineInFull) -> Answer:
    """Variables that the app declares, as the machine has them: what its image and Fly bring is left out."""
    secrets = {secret.name for secret in replies.many(replies.Secret, fly(argv.listing(app, "secrets", "list")))}
    secrets -= {file.secret_name for file in machine.config.files}
    declared = {name for name in {*machine.config.env, *secrets} if not name.startswith(FLYS_OWN)}
    found = _inside(fly, app, inside.line(inside.ENVIRON)).split("\0")
    given = dict(item.split("=", 1) for item in found if "=" in item)
    if declared and not declared & given.keys():
        return {"unread": f"the machine of app {app} does not say what it was given"}
    env = {name: given[name] for name in sorted(declared) if name in given}
    return {"env": env, "secrets": sorted(secrets & given.keys())}


def reach(fly: Client, request: ReachRequest) -> Answer:
    """Target to `ok`, or what went wrong.

    Raises:
        FlyError: the machine cannot be entered.
    """
    text = _inside(fly, request.app, inside.line(inside.REACH, *request.targets))
    seen = {target: answer for target, _, answer in (line.partition(" ") for line in text.splitlines())}
    return {"app": request.app, "seen": {target: seen.get(target, "no answer") for target in request.targets}}


def filesystem(fly: Client, request: FilesystemRequest) -> Answer:
    """Type of a file system, as `stat -f` names it.

    Raises:
        FlyError: the machine cannot be entered, or has no such path.
    """
    return {"app": request.app, "type": _inside(fly, request.app, inside.line(inside.FILESYSTEM, request.path)).strip()}


def migration(fly: Client, request: MigrationRequest) -> Answer:
    """Text of a migration, None where the machine has none of that number.

    Raises:
        FlyError: the machine cannot be entered.
    """
    text = _inside(fly, request.app, inside.line(inside.MIGRATION, request.folder, str(request.version)))
    return {"app": request.app, "text": text or None}


def recent(fly: Client, request: RecentRequest) -> Answer:
    """What an app wrote lately, without anything secret. What has no time that can be read is taken for recent.

    Raises:
        FlyError: there is no log to be had.
    """
    entries = replies.stream(LogEntry, fly(argv.logs(request.app, "--json")))
    since = datetime.now(UTC) - timedelta(seconds=request.seconds)
    lines = [entry.message for entry in entries if _time(entry.timestamp, since) >= since]
    return {"app": request.app, "text": fly.clean("\n".join(lines))}


def _time(text: str, otherwise: datetime) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return otherwise
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _inside(fly: Client, app: str, line: str) -> str:
    return fly(argv.ssh_console(app, line))

"""Further webs and workers of a former version, each an app of its own on Fly; replicas are machines of one app now."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ops.session import RefusedError, Session
from ops.state import State, read_state
from platforms.fly.looks import Inspect
from platforms.fly.machines import SetState
from platforms.fly.runtime import ask

ENTRY = re.compile(r".*langfuse-stack:fly:.*::(langfuse-(?:web-\d+|web-proxy|worker-\d+))-(app|secrets|deploy|state)")
Entry = Mapping[str, Any]


def former_replicas(state: State) -> dict[str, str]:
    """Service to app, of every app that only was a replica or stood before replicas; none of them holds data."""
    found: dict[str, str] = {}
    for entry in state.resources:
        match = ENTRY.fullmatch(str(entry["urn"]))
        if match and match[2] == "app":
            answer = json.loads((entry.get("outputs") or {}).get("stdout") or "{}")
            found[match[1]] = str(answer.get("app", found.get(match[1], "")))
    return found


def refuse_former_replicas(session: Session, state: State) -> None:
    """Stop where the state has such apps, which the program does not declare any more.

    Raises:
        RefusedError: names them, and the command that retires them.
    """
    former = former_replicas(state)
    if former:
        raise RefusedError(
            f"{', '.join(sorted(former))}: apps of a former version, whose replicas are machines of one app now. None "
            f"of them holds data: `python -m ops migrate-state --stack {session.stack}` stops them and takes them out "
            "of the state; then `make up` runs the replicas as machines. Nothing was changed"
        )


def retire(session: Session) -> dict[str, str]:
    """Stop such apps, and take them out of the state; Fly keeps them for people to retire.

    Returns:
        Service to app, of those that were there.

    Raises:
        PlatformError: one does not stop; the state is as it was.
    """
    former = former_replicas(read_state(session))
    apps = sorted(filter(None, former.values()))
    seen = ask(Inspect(apps=apps, machines_only=True), session.variables)["apps"] if apps else {}
    for app in apps:
        if seen[app].get("machines"):
            ask(SetState(app=app, want="stopped"), session.variables)
    if former:
        exported = session.json(session.argv("stack", "export"))
        deployment = exported["deployment"]
        kept = {**deployment, "resources": without(deployment["resources"])}
        session.text(session.argv("stack", "import"), stdin=json.dumps({**exported, "deployment": kept}))
    return former


def without(resources: Sequence[Entry]) -> list[Entry]:
    """The resources of a state without those of former replicas; nothing depends on these any more."""
    gone = {entry["urn"] for entry in resources if ENTRY.fullmatch(str(entry["urn"]))}

    def kept(urns: Sequence[str]) -> list[str]:
        return [urn for urn in urns if urn not in gone]

    return [
        {
            **entry,
            **({"dependencies": kept(entry["dependencies"])} if entry.get("dependencies") else {}),
            **(
                {"propertyDependencies": {name: kept(urns) for name, urns in entry["propertyDependencies"].items()}}
                if entry.get("propertyDependencies")
                else {}
            ),
        }
        for entry in resources
        if entry["urn"] not in gone
    ]

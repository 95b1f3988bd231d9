"""`migrate-state`: takes over what former versions left, and moves the state where it is shared.

Switches and known data become part of the state. Where the backend at hand is another than the folder's own, the whole
state moves there too, with its secrets encrypted for it. The folder itself is left as it is.
"""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ops.answer import answer
from ops.evidence import recorded
from ops.former_replicas import retire
from ops.recover import exclusive
from ops.session import ROOT, OpsError, RefusedError, Session, explain, open_session
from ops.stackfile import drop_salt
from ops.terminal import Console
from policy.data_types import what_is
from settings.recorded import HISTORY, STACK, of_resources
from settings.switches import RESOURCE as SWITCHES
from toolchain.paths import state_dir

Deployment = dict[str, Any]
RESOURCES = "resources"


@dataclass(frozen=True)
class Old:
    """What a former version kept of one stack in a state folder."""

    folder: Path
    stack: str

    @property
    def switches(self) -> list[dict[str, str]]:
        """The switches of the stack.

        Raises:
            OpsError: the file cannot be read.
        """
        return list(_read(self.folder / "switches.json", {}).get(self.stack.rpartition("/")[2], []))

    @property
    def data(self) -> list[str] | None:
        """URNs of the data that was seen; None where nothing says so.

        Raises:
            OpsError: the file cannot be read.
        """
        found = _read(self.folder / f"data.{self.stack.replace('/', '.')}.json", None)
        return None if found is None else [str(urn) for urn in found]

    @property
    def backend(self) -> str:
        """URL of the state that the folder holds."""
        return f"{(self.folder / 'pulumi').as_uri()}?metadata=skip"

    @property
    def has_something(self) -> bool:
        """Whether there is something that the state does not have by itself."""
        return bool(self.switches) or self.data is not None

    def export(self, session: Session) -> dict[str, Any]:
        """The state that the folder holds, secrets in the clear, in memory alone.

        Raises:
            OpsError: it cannot be opened.
        """
        variables = {**session.variables, "PULUMI_BACKEND_URL": self.backend}
        passphrase = self.folder / "passphrase"
        if passphrase.exists():
            variables.pop("PULUMI_CONFIG_PASSPHRASE", None)
            variables["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(passphrase)
        argv = session.argv("stack", "export", "--show-secrets")
        ran = subprocess.run(argv, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
        if ran.returncode != 0:
            raise OpsError(explain(f"the state in {self.folder} cannot be read: {ran.stderr.strip()}"))
        exported: dict[str, Any] = json.loads(ran.stdout)
        return exported


def migrate(stack: str, config_file: Path | None, *, source: Path | None, as_json: bool) -> None:
    """Take over a stack of a former version; again is the same as once.

    Raises:
        RefusedError: the backend at hand has another stack of that name.
        OpsError: one of the states cannot be read or written, or differs afterwards.
    """
    console = Console(stderr=as_json)
    session = open_session(stack, config_file)
    old = Old((source or state_dir()).expanduser().absolute(), stack)
    with recorded(session, "migrate-state", {"from": str(old.folder)}) as run, exclusive(session):
        moves = session.environment["PULUMI_BACKEND_URL"] != old.backend
        done = _moved(session, old) if moves else _carried(session, old)
        run.facts["resources"] = done
        run.facts["retired"] = retired = retire(session)
    has = replace(session).recorded
    switches, known = len(has.switches), len(has.known_data or ())
    console.print(f"Taken over: {done} resources, {switches} switches in force, {known} known data.")
    for service, app in sorted(retired.items()):
        console.print(f"{service} is stopped and out of the state: `fly apps destroy {app}` when you like.")
    if moves:
        console.print(
            f"The state is in {session.environment['PULUMI_BACKEND_URL']} now. Commit {session.config_file.name}. "
            f"Nobody may go on with {old.folder}: keep it as a backup.",
        )
    if as_json:
        answer({"moved": moves, "resources": done, "switches": switches, "known_data": known, "retired": retired})


def refuse_unmigrated(session: Session) -> None:
    """Stop where a former version left something here that the state does not have yet.

    Raises:
        RefusedError: names the command that takes it over.
    """
    if session.recorded.known_data is None and Old(state_dir(), session.stack).has_something:
        raise RefusedError(
            f"a former version kept switches or known data of stack {session.stack} in {state_dir()}: "
            f"`python -m ops migrate-state --stack {session.stack}` takes them over; nothing was changed"
        )


def _carried(session: Session, old: Old) -> int:
    """Add to the state what was kept beside it; the number of its resources."""
    exported = session.json(session.argv("stack", "export"))
    deployment = exported.get("deployment") or {}
    before = deployment.get(RESOURCES) or []
    if of_resources(before).known_data is not None:
        return len(before)
    added = {**deployment, RESOURCES: with_records(before, old, session.stack)}
    session.text(session.argv("stack", "import"), stdin=json.dumps({**exported, "deployment": added}))
    return len(before)


def _moved(session: Session, old: Old) -> int:
    """Move the state, with what was kept beside it; the number of its resources."""
    source = old.export(session)
    resources = source["deployment"].get(RESOURCES) or []
    if not session.exists():
        # It belongs to the old passphrase; the engine makes one for the passphrase of where the state goes.
        drop_salt(session.config_file, _salt(source))
    session.create()
    there = session.json(session.argv("stack", "export", "--show-secrets"))
    present = (there.get("deployment") or {}).get(RESOURCES) or []
    if present:
        if not _same(resources, present):
            raise RefusedError(
                f"{session.environment['PULUMI_BACKEND_URL']} has a stack {session.stack} already, with other "
                "resources: nothing was moved"
            )
        return len(resources)
    providers = (there.get("deployment") or {}).get("secrets_providers")
    if not providers:
        raise OpsError(
            "the backend does not say how it encrypts secrets before there are any: give the stack a secrets provider "
            "(`pulumi stack change-secrets-provider`) and run this again; nothing was moved"
        )
    moved = {
        **source["deployment"],
        "secrets_providers": providers,
        RESOURCES: with_records(resources, old, session.stack),
    }
    session.text(session.argv("stack", "import"), stdin=json.dumps({**source, "deployment": moved}))
    arrived = session.json(session.argv("stack", "export", "--show-secrets"))["deployment"][RESOURCES]
    if not _same(resources, arrived):
        raise OpsError("what arrived is not what was sent: go on with the old state, and report this")
    return len(resources)


def with_records(resources: Sequence[Mapping[str, Any]], old: Old, stack: str) -> list[Mapping[str, Any]]:
    """The resources of a state, and those in which it keeps what was kept beside it."""
    name = stack.rpartition("/")[2]
    made = {"urn": f"urn:pulumi:{name}::langfuse-stack::{STACK}::langfuse-stack-{name}", "custom": False, "type": STACK}
    roots = [entry for entry in resources if entry.get("type") == STACK] or [made]
    root = str(roots[0]["urn"])
    prefix = "::".join(root.split("::")[:2])
    had = {str(entry["urn"]) for entry in resources if what_is(str(entry["urn"]))} | set(old.data or [])
    records = {
        "switches": (SWITCHES, {"switches": old.switches}),
        "history": (HISTORY, {"data": sorted(had), "release": of_resources(resources).release or ""}),
    }
    missing = [
        {"urn": f"{prefix}::{kind}::{name}", "custom": False, "type": kind, "parent": root, "outputs": outputs}
        for name, (kind, outputs) in records.items()
        if not any(entry.get("type") == kind for entry in resources)
    ]
    return [*([] if roots[0] in resources else roots), *resources, *missing]


def _salt(exported: Mapping[str, Any]) -> str:
    provider = exported["deployment"].get("secrets_providers") or {}
    return str((provider.get("state") or {}).get("salt", ""))


def _same(sent: Sequence[Mapping[str, Any]], arrived: Sequence[Mapping[str, Any]]) -> bool:
    """Whether all that was sent is there with the same inputs and outputs, secrets included."""
    found = {entry["urn"]: entry for entry in arrived}
    compared = ("id", "inputs", "outputs", "protect", "retainOnDelete")
    return all(
        entry["urn"] in found and all(entry.get(key) == found[entry["urn"]].get(key) for key in compared)
        for entry in sent
    )


def _read(path: Path, absent: Any) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8")) if os.path.lexists(path) else absent
    except (OSError, ValueError) as error:
        raise OpsError(f"{path} cannot be read ({error}): put it back from a backup of the folder") from None

"""`adopt`: marks apps that are there already as the stack's, once it is seen that it has the keys of their data."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.answer import answer
from ops.evidence import recorded
from ops.recover import exclusive
from ops.session import OpsError, RefusedError, Session, open_session
from ops.state import State, read_state
from ops.terminal import Console
from platforms.fly.apps import Claim, owners
from platforms.fly.looks import Inspect
from platforms.fly.runtime import ask
from settings import Vault, open_vault

APP = "langfuse-stack:fly:App$command:local:Command"
SERVICES = ("langfuse-web", "langfuse-worker", "relay", "relay-proxy", "gateway")
"""What every stack runs beside its stores."""
KEYS: Mapping[str, str] = {"STACK_ID": "stack_id", "SALT": "salt", "ENCRYPTION_KEY": "encryption_key"}
"""What a stack must have from the vault before it takes over data that its state does not know."""


@dataclass(frozen=True)
class Found:
    """An app that exists and that the state does not know."""

    app: str
    owner: str | None
    """Id of the stack that has marked it."""
    holds_something: bool


def adopt(stack: str, config_file: Path | None, *, apply: bool, as_json: bool) -> None:
    """Show which apps would become the stack's, or mark them so. Nothing in them is changed.

    Raises:
        RefusedError: the platform has no apps; a key is not in the vault; or an app is another stack's.
    """
    console = Console(stderr=as_json)
    session = open_session(stack, config_file)
    if not session.settings.is_shared:
        raise RefusedError(f"stack {stack} is on {session.settings.stack.platform}, where nothing is adopted by hand")
    state = state_of(session)
    owner, free = _free(session, state)
    for app in free:
        console.print(f"{'adopted' if apply else 'would adopt'} {app} as stack {owner}'s")
    if not free:
        console.print("There is nothing to adopt: every app that exists says whose it is.")
    if apply and free:
        with recorded(session, "adopt", {"apps": free, "owner": owner}), exclusive(session):
            for app in free:
                ask(Claim(app=app, owner=owner), session.variables)
    elif free:
        console.print("`python -m ops adopt --apply` marks them; `make up` then takes them over.")
    if as_json:
        answer({"applied": apply, "owner": owner, "apps": free})


def refuse_unowned(session: Session, state: State) -> None:
    """Stop before anything is staged where apps exist that are not known to be the stack's.

    Raises:
        RefusedError: names each, and what is missing.
    """
    owner, free = _free(session, state)
    if free:
        raise RefusedError(
            f"{', '.join(free)} exist and hold something, and nothing says whose that is: see that they are stack "
            f"{owner}'s, and `python -m ops adopt --apply`; nothing was staged"
        )


def refuse_other_keys(session: Session) -> None:
    """Stop before anything is staged where the vault takes data over, and its keys are not those of that data.

    Raises:
        RefusedError: they are others, or the database cannot be asked.
    """
    settings = session.settings
    if settings.stack.secrets != "vault" or settings.postgres.place != "external":
        return
    vault = open_vault(settings, dry_run=True)[0]
    if not (vault.stack_id and vault.salt and vault.encryption_key and vault.postgres_direct_url):
        return
    from checks.base import CheckFailedError
    from checks.data_keys import fingerprint_of
    from checks.supabase import refuse_other_keys as refuse
    from components.postgres import SCHEMA

    try:
        refuse(vault.postgres_direct_url.prisma(), SCHEMA, fingerprint_of(vault.salt, vault.encryption_key))
    except CheckFailedError as failure:
        raise RefusedError(str(failure)) from None


def unknown_apps(session: Session, state: State) -> list[Found]:
    """Apps of the stack's names that exist and that its state does not know, with what the platform says of them."""
    known = {
        json.loads(entry["outputs"]["stdout"])["app"]
        for entry in state.resources
        if entry["urn"].rpartition("::")[0].endswith(APP) and entry.get("outputs", {}).get("stdout")
    }
    settings = session.settings
    services = {*settings.stores, *SERVICES, *settings.fly.apps}
    names = {settings.fly_app(service) for service in services}
    if not names - known:
        return []
    seen = ask(Inspect(apps=sorted(names - known)), session.variables)["apps"]
    return [_found(app, facts) for app, facts in sorted(seen.items()) if "error" not in facts]


def state_of(session: Session) -> State:
    """The stack's state; an empty one where the backend does not know the stack."""
    try:
        return read_state(session)
    except OpsError as error:
        if "no stack named" in str(error):
            return State({})
        raise


def _found(app: str, facts: Mapping[str, Any]) -> Found:
    marks = sorted(owners(list(facts["secrets"])))
    return Found(app, marks[0] if marks else None, any(facts[kind] for kind in ("secrets", "volumes", "machines")))


def _free(session: Session, state: State) -> tuple[str, list[str]]:
    """Id of this stack, and the apps that nobody has marked and that it may take over.

    Raises:
        RefusedError: an app is another stack's, or a key of what nobody has marked is not in the vault.
    """
    found = [entry for entry in unknown_apps(session, state) if entry.holds_something]
    vault: Vault = open_vault(session.settings, dry_run=True)[0]
    ours = vault.stack_id or state.owner
    free = [entry.app for entry in found if entry.owner is None]
    others = [entry for entry in found if entry.owner not in {None, ours}]
    missing = [name for name, field in KEYS.items() if getattr(vault, field) is None] if free else []
    if others or missing:
        whose = ", ".join(
            [f"{entry.app} is of stack {entry.owner}" for entry in others]
            or [f"{app} exists and holds something" for app in free]
        )
        raise RefusedError(
            f"{whose}, and the state at hand knows nothing of it: this stack's keys would be staged over data that was "
            "written with others. Work on the state that made it (PULUMI_BACKEND_URL); if that is lost, put its "
            f"{', '.join(KEYS)} into the vault {session.settings.stack.vault}; nothing was staged"
        )
    return str(ours), free

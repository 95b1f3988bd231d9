"""`members`: who is there, how somebody is added, and whether strangers may sign up."""

from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from checks import tunnels
from checks.base import CheckFailedError
from ops import report
from ops.answer import answer
from ops.evidence import recorded
from ops.lifecycle import converge
from ops.members import scim
from ops.members.people import Person, people
from ops.members.role import Role
from ops.plan import as_dict
from ops.recover import exclusive, recover
from ops.session import OpsError, RefusedError, Session, open_session
from ops.state import read_state
from ops.switching import hold, release
from ops.terminal import Console

SIGN_UP = "langfuse:signUp"
LOCK = "python -m ops members lock"
UNLOCK = "python -m ops members unlock"


def listed(stack: str, config_file: Path | None, *, as_json: bool) -> None:
    """The `members` command.

    Raises:
        OpsError: the stack is not up, or its Postgres does not answer.
    """
    session = open_session(stack, config_file)
    found = _people(session)
    open_door = session.settings.langfuse.sign_up
    if as_json:
        answer({"sign_up": open_door, "members": [asdict(person) for person in found]})
        return
    console = Console()
    table = Table("email", "name", "organization", "role", "since (UTC)", box=None, pad_edge=False)
    for person in found:
        role = f"{person.role or '-'}{', invited' if person.invited else ''}"
        table.add_row(person.email, person.name, person.organization or "-", role, person.since[:10])
    console.print(table)
    report.show_switches(session, console)
    console.print(f"Sign-up is {'open' if open_door else 'closed'}; `{LOCK if open_door else UNLOCK}` changes that.")


def add(stack: str, config_file: Path | None, email: str, role: Role, name: str, *, as_json: bool) -> None:
    """The `members add` command.

    Langfuse's open-source release has no call that adds or invites anybody: `POST /api/admin/invite` does not exist,
    and SCIM wants a licence. Without one the command says who does what in Langfuse itself, and changes nothing.

    Raises:
        RefusedError: it cannot be done from here; says how it is done.
        OpsError: Langfuse does not answer.
    """
    session = open_session(stack, config_file)
    settings = session.settings
    by = scim.keys()
    if by is None:
        why = f"without an organization's keys ({scim.PUBLIC_VARIABLE}, {scim.SECRET_VARIABLE}) there is no call for it"
        raise RefusedError(_by_hand(session, email, role, why))
    with recorded(session, "members", {"added": email, "role": role.value}):
        try:
            new = scim.add(settings.langfuse_url, by, email, role, name)
        except scim.NotOfferedError as error:
            raise RefusedError(_by_hand(session, email, role, str(error))) from None
    if as_json:
        answer({"email": email, "added": new, "role": role.value if new else None})
        return
    words = f"is a member now, as {role.value}" if new else "was a member already; the role stays as it is"
    Console().print(f"{email} {words}.")


def unlock(stack: str, config_file: Path | None, *, as_json: bool) -> None:
    """Open sign-up and hold it open until `lock`.

    Raises:
        OpsError: there is no stack, or web could not be proven.
    """
    _switch(stack, config_file, open_door=True, as_json=as_json)


def lock(stack: str, config_file: Path | None, *, as_json: bool) -> None:
    """Close sign-up, whatever the settings file says.

    Raises:
        OpsError: there is no stack, or web could not be proven.
    """
    _switch(stack, config_file, open_door=False, as_json=as_json)


def _switch(stack: str, config_file: Path | None, *, open_door: bool, as_json: bool) -> None:
    console = Console(stderr=as_json)
    session = open_session(stack, config_file)
    if not session.exists():
        raise RefusedError(f"there is no stack {stack}: run `make up`")
    with recorded(session, "members", {"sign_up": open_door}) as run, exclusive(session):
        recover(session, console)
        switched = release(session, SIGN_UP)
        if switched.settings.langfuse.sign_up != open_door:
            undo = LOCK if open_door else UNLOCK
            switched = hold(session, SIGN_UP, "true" if open_door else "false", undo)
        run.facts["switches"] = {switch.key: switch.value for switch in switched.switches}
        report.resolve_images(switched, console)
        plan = converge(switched, console)
    if open_door:
        console.print(f"Anybody who reaches {switched.settings.langfuse_url} may sign up until `{LOCK}`.")
    else:
        console.print("Nobody may sign up, invited people included; who has an account signs in as before.")
    if as_json:
        switches = [asdict(switch) for switch in switched.switches]
        answer({"sign_up": open_door, "switches": switches, **as_dict(plan)})


def _people(session: Session) -> list[Person]:
    state = read_state(session, show_secrets=True)
    gate = state.resource("postgres-gate")["outputs"]
    try:
        with tunnels.opened(gate.get("tunnels") or {}) as (there, _):
            return people(there(state.output("postgres-gate", "direct_url")), str(gate["schema"]))
    except (CheckFailedError, tunnels.TunnelError) as error:
        raise OpsError(str(error)) from None


def _by_hand(session: Session, email: str, role: Role, why: str) -> str:
    settings = session.settings
    members = f"{settings.langfuse_url}/organization/{settings.langfuse.organization.id}/settings/members"
    return (
        f"{email} was not added: {why}. In Langfuse itself:\n"
        f"  1. an owner or admin adds {email} as {role.value} at {members}; who has an account is a member at once\n"
        f"  2. who has none signs up with that address: `{UNLOCK}` opens the door, and sign-up makes the invitation "
        "a membership\n"
        f"  3. `{LOCK}` closes the door again"
    )

"""`rotate`: exchanges one secret for a new one, step by step, each proven; a run cut short is finished by the next."""

from dataclasses import asdict, replace
from pathlib import Path

from rich.table import Table

from components.secrets import generation
from ops import inventory, report
from ops.answer import answer
from ops.evidence import recorded
from ops.lifecycle import converge
from ops.plan import gated_plan
from ops.recover import exclusive, recover
from ops.rotation import proofs, settings_file
from ops.rotation.age import ages
from ops.rotation.catalog import Secret, find
from ops.rotation.held import refuse_if_held_elsewhere
from ops.session import RefusedError, Session, open_session
from ops.smoke import access
from ops.state import read_state
from ops.terminal import Console
from policy.inventories import command, path_of


def listed(stack: str, config_file: Path | None, *, as_json: bool) -> None:
    """`rotate` without a name: every rotatable secret, its age, and what is noticed of a rotation.

    Raises:
        OpsError: there is no stack.
    """
    session = open_session(stack, config_file)
    found = ages(session, read_state(session))
    if as_json:
        answer([asdict(age) for age in found])
        return
    table = Table("secret", "generation", "age", "what is noticed", box=None, pad_edge=False)
    for age in found:
        said = f"{age.days} days" if age.days is not None else "kept by people" if age.held else "-"
        table.add_row(age.secret, str(age.generation), said, age.noticed)
    Console().print(table)


def rotate(stack: str, config_file: Path | None, name: str, *, as_json: bool) -> None:
    """Exchange a secret for a new one.

    The settings file says which generation is in use, and which secret is under rotation, before anything is changed:
    so a run that was cut short anywhere, or a plain `make up`, goes on from there. A script gets names and generations,
    and no value.

    Raises:
        RefusedError: it may not be rotated, or the stack is not ready for it.
        OpsError: a step could not be proven.
    """
    secret = find(name)
    session = open_session(stack, config_file)
    console = Console(stderr=as_json)
    if not session.exists():
        raise RefusedError(f"there is no stack {stack}, so there is nothing to rotate: run `make up`")
    refuse_if_held_elsewhere(session, secret)
    with recorded(session, "rotate", {"secret": secret.name}) as run, exclusive(session):
        recover(session, console)
        report.resolve_images(session, console)
        session = _begun(session, secret, console)
        number = secret.generation(session.settings)
        run.facts["generation"] = number
        _list_new_data(session, secret, number)
        _switch(session, secret, number, console)
        _retire(session, secret, number, console)
        settings_file.end(session)
    console.print(f"{secret.name} is in generation {number}; the one before is kept in the state, and used by nothing.")
    console.print(f"Review and commit {session.config_file.name} and the stack's inventory.")
    if secret.afterwards:
        console.print(f"Now {secret.afterwards}.")
    if as_json:
        answer(
            {
                "secret": secret.name,
                "generation": number,
                "previous_accepted": secret.outlives,
                "review": [str(session.config_file), str(path_of(session.name))],
                "afterwards": secret.afterwards,
            }
        )


def _begun(session: Session, secret: Secret, console: Console) -> Session:
    """The session with the rotation recorded; one that was begun before is taken up."""
    under_way = session.settings.stack.rotating
    if under_way == secret.name:
        console.print(f"Finishing the rotation of {secret.name} that was begun before.")
        return session
    if under_way:
        raise RefusedError(f"the rotation of {under_way} is not finished: run `python -m ops rotate {under_way}` first")
    if not gated_plan(session, console).plan.changes_nothing:
        raise RefusedError("the stack is not what its settings say: run `make up` first, then rotate")
    settings_file.begin(session, secret.name, secret.generation(session.settings) + 1)
    return replace(session)


def _list_new_data(session: Session, secret: Secret, number: int) -> None:
    """Add the new generation, and nothing else, to the stack's inventory."""
    console = Console(stderr=True)
    _, found = inventory.examined(session)
    if found.lost:
        raise RefusedError(f"the program lost data that is listed: see `{command(session.stack)} --check`")
    names = {generation(name, number) for name in secret.resources}
    new = {key: identity for key, identity in found.new.items() if key[1] in names}
    if new:
        inventory.add(session.name, new)
        console.print(f"listed: {', '.join(sorted(name for _, name in new))}")


def _switch(session: Session, secret: Secret, number: int, console: Console) -> None:
    """Make the new one and let every client use it; the part takes the one before too, where it can."""
    console.rule(f"{secret.name}: everything changes over to generation {number}")
    converge(session, console)
    _prove(session, secret, number, console, accepted_before=secret.overlaps or secret.outlives)


def _retire(session: Session, secret: Secret, number: int, console: Console) -> None:
    """Let the one before in no more."""
    if not secret.overlaps:
        return
    console.rule(f"{secret.name}: generation {number - 1} is retired")
    converge(session, console, rotating=None)
    _prove(session, secret, number, console, accepted_before=False)


def _prove(session: Session, secret: Secret, number: int, console: Console, *, accepted_before: bool) -> None:
    """Prove what is accepted, and that a trace still goes all the way."""
    state = read_state(session, show_secrets=True)
    with access(session, state) as to:
        for tried, expected in ((number, True), (number - 1, accepted_before)):
            if secret.name in proofs.ATTEMPTS:
                proofs.prove(to, state, secret, tried, accepted=expected)
                said = "accepted" if expected else "refused"
                console.print(f"[green]✓[/] generation {tried} is {said}")
        report.follow(to, console)

"""How the owner signs in: shown when somebody asks for it, and nowhere else."""

import sys
from pathlib import Path

from ops.answer import answer
from ops.session import OpsError, RefusedError, Session, open_session
from ops.terminal import Console


def sign_in(session: Session) -> str:
    """What `up` ends with: where, who, and the command that shows the password."""
    stack = "" if session.stack == "local" else f" --stack {session.stack}"
    owner = session.settings.owner_email
    return f"Sign in   as {owner}; `python -m ops owner-password{stack}` shows the password"


def owner_password(stack: str, config_file: Path | None, *, to_stdout: bool, as_json: bool) -> None:
    """The `owner-password` command.

    Raises:
        RefusedError: standard output is no terminal, and nobody asked for the password there.
        OpsError: the stack has no owner yet.
    """
    if not (to_stdout or as_json or sys.stdout.isatty()):
        raise RefusedError(
            "standard output is no terminal, so the password would end up in a file or a log: run it in a terminal, "
            "or ask for it with --stdout (the password alone) or --json"
        )
    session = open_session(stack, config_file)
    outputs = session.json(session.argv("stack", "output", "--json", "--show-secrets"))
    password, email, url = (outputs.get(name) for name in ("owner_password", "owner_email", "langfuse_url"))
    if not password:
        raise OpsError(f"stack {stack} does not know of an owner yet: run `make up`")
    if as_json:
        answer({"langfuse_url": url, "email": email, "password": password})
    elif to_stdout:
        sys.stdout.write(f"{password}\n")
    else:
        console = Console()
        for name, value in (("URL", url), ("e-mail", email), ("password", password)):
            console.print(f"{name:<9} {value}", markup=False)
        console.print(
            "The owner was created with this password; one that was set in Langfuse since then is known there only.",
            style="dim",
        )


def second_owner(session: Session, created: str | None) -> tuple[str, ...]:
    """What another e-mail of the owner does to a stack that has one; nothing to say of the same e-mail.

    Args:
        session: the stack.
        created: e-mail of the owner that web last made sure of; None where it made none yet.
    """
    asked = session.settings.owner_email
    if created is None or created == asked:
        return ()
    said = (
        f"langfuse:owner: {asked} becomes a second owner, with the password that `python -m ops owner-password` shows. "
        f"{created} stays an owner and keeps its own password; take it out under Members in Langfuse, once the new one "
        "is in"
    )
    return (said,)

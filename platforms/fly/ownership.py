"""Whose an app is. Fly keeps no labels of an app, so the stack's id stands in the name of a secret of it."""

import re
from typing import Any

from platforms.fly import argv, replies
from platforms.fly.client import Client
from platforms.fly.errors import AGAIN, OwnedError, UnownedError
from platforms.fly.requests import ClaimRequest
from platforms.fly.secret_lines import lines

OWNER_VARIABLE = "LANGFUSE_STACK_OWNER"
"""Names the stack's id to the action `app`: an input of its own, since what identifies data is known in a preview."""
PREFIX = "OWNED_BY_STACK_"
MARK = re.compile(rf"{PREFIX}([0-9A-F]{{16}})")


def owners(secrets: list[str]) -> set[str]:
    """Ids of the stacks that have marked an app, by the names of its secrets."""
    return {found[1].lower() for name in secrets if (found := MARK.fullmatch(name))}


def own(fly: Client, app: str, owner: str, *, is_known: bool) -> None:
    """Mark an app as this stack's, or see that it is marked so.

    Args:
        fly: what calls `fly`.
        app: one that exists.
        owner: id of this stack.
        is_known: whether the stack's state knows the app.

    Raises:
        OwnedError: it is another stack's.
        UnownedError: it holds something, and neither it nor the state says whose that is.
        FlyError: a call failed.
    """
    secrets = [secret.name for secret in replies.many(replies.Secret, fly(argv.listing(app, "secrets", "list")))]
    others = sorted(owners(secrets) - {owner})
    if others:
        raise OwnedError(
            f"app {app} is of stack {', '.join(others)}, and this is stack {owner}",
            "work on the state that made it (PULUMI_BACKEND_URL). If that is lost, put STACK_ID, SALT and "
            f"ENCRYPTION_KEY of that stack into the vault, {AGAIN}",
        )
    if owner in owners(secrets):
        return
    if not is_known and (secrets or _holds_something(fly, app)):
        raise UnownedError(
            f"app {app} exists and holds something, and nothing says whose it is",
            "see that it is this stack's; put STACK_ID (16 hexadecimal digits), and the SALT and ENCRYPTION_KEY that "
            f"its data was written with, into the vault, and adopt it; {AGAIN}",
            "python -m ops adopt",
        )
    mark(fly, app, owner)


def claim(fly: Client, request: ClaimRequest) -> dict[str, Any]:
    """Mark an app that nobody has marked; see `ClaimRequest`.

    Raises:
        OwnedError: it is another stack's.
        FlyError: a call failed.
    """
    own(fly, request.app, request.owner, is_known=True)
    return {"app": request.app, "owner": request.owner}


def mark(fly: Client, app: str, owner: str) -> None:
    """Stage the secret whose name says whose the app is.

    Raises:
        FlyError: a call failed.
    """
    fly(argv.secrets_import(app), lines({f"{PREFIX}{owner.upper()}": "of this stack"}))


def _holds_something(fly: Client, app: str) -> bool:
    return bool(
        replies.many(replies.Volume, fly(argv.listing(app, "volumes", "list")))
        or replies.many(replies.Machine, fly(argv.listing(app, "machine", "list")))
    )

"""Apps and their addresses: list first, then adopt what is there or create what is missing; stop when in doubt.

Fly keeps no labels of an app, so the id of the stack that it belongs to stands in the name of a secret of it.
"""

import os
import re
from collections.abc import Callable, Iterable
from typing import TypeVar

from pydantic import Field

from platforms.fly import replies
from platforms.fly.action import Action, Answer, Lasting
from platforms.fly.argv import Command
from platforms.fly.client import Client
from platforms.fly.errors import AGAIN, UNSURE, AppTakenError, FlyError, GarbledReplyError
from platforms.fly.secrets import lines

OWNER_VARIABLE = "LANGFUSE_STACK_OWNER"
"""Names the stack's id to the action `app`: an input of its own, since what identifies data is known in a preview."""
OWNED = "OWNED_BY_STACK_"
HOLDS: tuple[type[replies.OfApp], ...] = (replies.Volume, replies.Machine)
Found = TypeVar("Found")


class EnsureApp(Lasting):
    """An app of the organization `org`, of this stack; a private one must have no public address."""

    app: str
    org: str
    private: bool

    def do(self, fly: Client) -> Answer:
        found, known = self._look(fly), self.previous.get("app") == self.app
        adopted = found is not None
        if found is None and known:
            raise FlyError(
                f"app {self.app} was there before and is not any more, and its volumes went with it",
                "find out who removed it, and restore its data into an app of that name; an empty one would hide the "
                f"loss. Once it is back, {AGAIN.removeprefix('then ')}",
                f"fly apps list -o {self.org}",
            )
        found = found or write(fly, Command("apps create", app=self.app, org=self.org), lambda: self._look(fly))
        if owner := os.environ.get(OWNER_VARIABLE):
            own(fly, self.app, owner, is_known=known)
        if self.private:
            require_private(fly, self.app)
        return {"app": found.name, "org": self.org, "adopted": adopted} | ({"id": found.id} if found.id else {})

    def _look(self, fly: Client) -> replies.App | None:
        listed = replies.many(replies.App, fly("apps list", org=self.org))
        found = next((app for app in listed if app.name == self.app), None)
        if found and found.organization and found.organization.lower() != self.org.lower():
            raise AppTakenError(
                f"app {self.app} belongs to organization {found.organization}, not to {self.org}",
                f"set fly:organization if that one is yours; else choose another app name in fly:apps, {AGAIN}",
                f"pulumi config set fly:organization {found.organization}",
            )
        return found


class Claim(Action):
    """Mark an app that nobody has marked as the stack's whose id is `owner`."""

    app: str
    owner: str = Field(pattern=r"^[0-9a-f]{16}$")

    def do(self, fly: Client) -> Answer:
        own(fly, self.app, self.owner, is_known=True)
        return {"app": self.app, "owner": self.owner}


def own(fly: Client, app: str, owner: str, *, is_known: bool) -> None:
    """Mark an app as this stack's, or see that it is marked so.

    Args:
        fly: what calls `fly`.
        app: one that exists.
        owner: id of this stack.
        is_known: whether the stack's state knows the app.

    Raises:
        FlyError: it is another stack's; it holds something and neither it nor the state says whose; a call failed.
    """
    secrets = [secret.name for secret in fly.all(replies.Secret, app)]
    marked = owners(secrets)
    if others := sorted(marked - {owner}):
        raise FlyError(
            f"app {app} is of stack {', '.join(others)}, and this is stack {owner}",
            "work on the state that made it (PULUMI_BACKEND_URL). If that is lost, put STACK_ID, SALT and "
            f"ENCRYPTION_KEY of that stack into the vault, {AGAIN}",
        )
    if marked:
        return
    if not is_known and (secrets or any(fly.all(kind, app) for kind in HOLDS)):
        raise FlyError(
            f"app {app} exists and holds something, and nothing says whose it is",
            "see that it is this stack's; put STACK_ID (16 hexadecimal digits), and the SALT and ENCRYPTION_KEY that "
            f"its data was written with, into the vault, and adopt it; {AGAIN}",
            "python -m ops adopt",
        )
    fly("secrets import", app=app, stdin=lines({f"{OWNED}{owner.upper()}": "of this stack"}))


def owners(secrets: Iterable[str]) -> set[str]:
    """Ids of the stacks that have marked an app, by the names of its secrets."""
    return {found[1].lower() for name in secrets if (found := re.fullmatch(rf"{OWNED}([0-9A-F]{{16}})", name))}


def require_private(fly: Client, app: str) -> None:
    """Stop when a private app can be reached from the internet.

    Raises:
        FlyError: names the addresses.
    """
    public = [ip.address for ip in fly.all(replies.Address, app) if ip.public]
    if public:
        raise FlyError(
            f"app {app} must be private and has public addresses: {', '.join(public)}",
            f"take them away by hand, or name the service in fly:public if it may be public; {AGAIN}",
            f"fly ips list -a {app}",
        )


def make_public(fly: Client, app: str) -> None:
    """Give a public app its addresses, unless it has some: Fly does so by itself at an app's first deployment only."""
    if not any(ip.public for ip in fly.all(replies.Address, app)):
        fly("ips allocate-v6", app=app)
        fly("ips allocate-v4 --shared", app=app)


def make_balanced(fly: Client, app: str) -> None:
    """Give an app the private address at which Fly balances over its healthy machines, unless it has one."""
    if not any(ip.balanced for ip in fly.all(replies.Address, app)):
        fly("ips allocate-v6 --private", app=app)


def write(fly: Client, command: Command, look: Callable[[], Found | None]) -> Found:
    """Make a change, then look: what counts is what exists, not what was replied.

    Raises:
        FlyError: it failed, and nothing of it is there.
    """
    failure: FlyError | None = None
    try:
        fly.ask(command)
    except (*UNSURE, AppTakenError) as error:
        # A taken name is ours when an earlier try of this very call was obeyed and its reply lost.
        failure = error
    found = look()
    if found is None:
        raise failure or GarbledReplyError(
            f"{command}: said to be done, but nothing of it is listed", "run the same command again"
        )
    return found

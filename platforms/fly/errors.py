"""What can go wrong with Fly, each with the way out; and how its command line's words are told apart."""

import re
import textwrap
import tomllib
from pathlib import Path

WIDTH = 78
AGAIN = "then run the same command again"
STATUS = "see https://status.flyio.net"
FAILURES = Path(__file__).with_name("failures.toml")
ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")


class FlyError(Exception):
    """An action on Fly failed. A class of its own has what the program itself goes on from.

    Args:
        what: what is wrong; names the app.
        fix: what the operator does about it; names the setting.
        run: the command for it, to be copied.
    """

    def __init__(self, what: str, fix: str = "", run: str = "") -> None:
        self.what, self.fix, self.run = what, fix, run
        parts = (what, f"    fix:  {fix}" if fix else "", f"    run:  {run}" if run else "")
        super().__init__("\n".join(part for part in parts if part))


class ForbiddenError(FlyError):
    """A command line that this program may not express, or a name that Fly would not accept."""


class CallError(FlyError):
    """`fly` failed for a reason that has no class of its own."""


class TimedOutError(FlyError):
    """A call did not end in time; it may have taken effect."""


class GarbledReplyError(FlyError):
    """The reply is not what is documented; the call may have taken effect."""


class RateLimitedError(FlyError):
    """Fly refused because of too many calls, also after waiting."""


class BusyError(FlyError):
    """The machine is being changed."""


class LeaseHeldError(FlyError):
    """Another deployment holds the machine."""


class CapacityError(FlyError):
    """Fly has no room for the machine where it must run."""


class AppTakenError(FlyError):
    """The app's name belongs to somebody else."""


class UnhealthyError(FlyError):
    """The machine did not come up healthy in time."""


UNSURE = (CallError, TimedOutError, GarbledReplyError)
"""Failures after which a change may have taken effect all the same."""


def plain(text: str) -> str:
    """`text` without terminal control sequences."""
    return ANSI.sub("", text).replace("\r\n", "\n")


def classify(what: str, code: int, output: str, app: str = "") -> FlyError:
    """The error that a failed call stands for.

    Args:
        what: the command line, free of secrets.
        code: its exit status.
        output: what it printed, free of secrets and control sequences.
        app: the app that was asked about.
    """
    # A failed deployment repeats the app's own log, whose words are not Fly's.
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    said = (*errors, *lines[-1:], "no output")[0][:500]
    for known in tomllib.loads(FAILURES.read_text(encoding="utf-8"))["failure"]:
        if re.search(known["words"], "\n".join(errors) or output, re.IGNORECASE):
            kind: type[FlyError] = globals()[known.get("kind", "FlyError")]
            return kind(f"{what}: {said}", known["fix"], known.get("run", "").replace("APP", app or "APP"))
    fix = f"run the same command again, it goes on from what exists; if that fails too, {STATUS}"
    return CallError(f"{what} failed with exit status {code}: {said}", fix)


def laid_out(message: str) -> str:
    """A message for a terminal of 80 columns; a command to be copied stays on its line."""
    return "\n".join(line if line.lstrip().startswith("run:") else _wrapped(line) for line in message.split("\n"))


def _wrapped(line: str) -> str:
    indent = " " * (10 if line.startswith("    fix:") else 4)
    return textwrap.fill(line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)

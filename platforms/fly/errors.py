"""What can go wrong with Fly, each with the way out; and how its command line's words are told apart."""

import re
import textwrap
import tomllib
from pathlib import Path

WIDTH = 78
AGAIN = "then run the same command again"


class FlyError(Exception):
    """An action on Fly failed.

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


class RequestError(FlyError):
    """The request itself is wrong."""


class NoFlyError(FlyError):
    """The `fly` command is missing or too old."""


class NotLoggedInError(FlyError):
    """`fly` has no valid credentials."""


class TokenScopeError(FlyError):
    """The credentials are valid, and not for this."""


class OrganizationError(FlyError):
    """There is no such organization."""


class PaymentError(FlyError):
    """The organization must pay first."""


class CapacityError(FlyError):
    """Fly has no room for the machine where it must run."""


class DeadHostError(FlyError):
    """The host of a machine or a volume does not answer."""


class AttachedError(FlyError):
    """The volume belongs to a machine that is not the app's."""


class BusyError(FlyError):
    """The machine is being changed."""


class RateLimitedError(FlyError):
    """Fly refused because of too many calls, also after waiting."""


class TimedOutError(FlyError):
    """A call did not end in time; it may have taken effect."""


class GarbledReplyError(FlyError):
    """The reply is not what is documented; the call may have taken effect."""


class CallError(FlyError):
    """`fly` failed for a reason that has no class of its own."""


class AppTakenError(FlyError):
    """The app's name belongs to somebody else."""


class OwnedError(FlyError):
    """The app is another stack's."""


class UnownedError(FlyError):
    """The app holds something, and nothing says whose that is."""


class VanishedError(FlyError):
    """Something that held data was there before and is not any more."""


class TwinVolumesError(FlyError):
    """More than one volume has the name."""


class RegionError(FlyError):
    """What exists is in another region."""


class UnencryptedError(FlyError):
    """A volume is not known to be encrypted."""


class MachineCountError(FlyError):
    """An app does not have the machines that it must have."""


class UnhealthyError(FlyError):
    """The machine did not come up healthy in time."""


class PublicAddressError(FlyError):
    """A private app can be reached from the internet."""


class SnapshotError(FlyError):
    """No snapshot could be taken before a deployment."""


class StagedSecretsError(FlyError):
    """Secrets are still not in use by the machine."""


class LeaseHeldError(FlyError):
    """Another deployment holds the machine."""


class LintError(FlyError):
    """The rendered configuration would replace, expose or stop what holds data."""


class SecretValueError(FlyError):
    """A secret cannot be handed to `fly` unchanged."""


class SizeError(FlyError):
    """A volume is smaller than it must be, and does not grow."""


class ImageError(FlyError):
    """Fly cannot get an image."""


UNSURE = (CallError, TimedOutError, GarbledReplyError)
"""Failures after which a change may have taken effect all the same."""

ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")


STATUS = "see https://status.flyio.net"
FAILURES = Path(__file__).with_name("failures.toml")
"""Failures that Fly's words give away."""


def plain(text: str) -> str:
    """`text` without terminal control sequences."""
    return ANSI.sub("", text).replace("\r\n", "\n")


def classify(what: str, code: int, output: str, app: str = "APP") -> FlyError:
    """The error that a failed call stands for.

    Args:
        what: the command line, free of secrets.
        code: its exit status.
        output: what it printed, free of secrets and control sequences.
        app: the app that was asked about.
    """
    # A failed deployment repeats the app's own log, whose words are not Fly's.
    errors = [line for line in output.splitlines() if line.lstrip().lower().startswith("error")]
    for known in tomllib.loads(FAILURES.read_text(encoding="utf-8"))["failure"]:
        if re.search(known["words"], "\n".join(errors) or output, re.IGNORECASE):
            kind: type[FlyError] = globals()[known["kind"]]
            return kind(f"{what}: {_last_line(output)}", known["fix"], known.get("run", "").replace("APP", app))
    return CallError(
        f"{what} failed with exit status {code}: {_last_line(output)}",
        f"run the same command again, it goes on from what exists; if that fails too, {STATUS}",
    )


def laid_out(message: str) -> str:
    """A message for a terminal of 80 columns; a command to be copied stays on its line."""
    return "\n".join(line if line.lstrip().startswith("run:") else _wrapped(line) for line in message.split("\n"))


def _wrapped(line: str) -> str:
    indent = " " * (10 if line.startswith("    fix:") else 4)
    return textwrap.fill(line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return next((line for line in lines if line.lower().startswith("error")), lines[-1] if lines else "no output")[:500]

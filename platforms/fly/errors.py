"""What can go wrong with Fly, each with the way out; and how its command line's words are told apart."""

import re
from collections.abc import Sequence


class FlyError(Exception):
    """An action on Fly failed; the message names the app and the fix."""


class ForbiddenError(FlyError):
    """A command line that this program may not express, or a name that Fly would not accept."""


class RequestError(FlyError):
    """The request itself is wrong."""


class NoFlyError(FlyError):
    """The `fly` command is missing."""


class NotLoggedInError(FlyError):
    """`fly` has no valid credentials."""


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


class VanishedError(FlyError):
    """Something that held data was there before and is not any more."""


class TwinVolumesError(FlyError):
    """More than one volume has the name."""


class RegionError(FlyError):
    """What exists is in another region."""


class UnencryptedError(FlyError):
    """A volume is not known to be encrypted."""


class MachineCountError(FlyError):
    """An app does not have exactly one machine."""


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


UNSURE = (CallError, TimedOutError, GarbledReplyError)
"""Failures after which a change may have taken effect all the same."""

ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")
_WAYS_OUT: Sequence[tuple[type[FlyError], str, str]] = (
    (
        AppTakenError,
        r"name has already been taken|app already exists",
        "the name is used by another organization, and names are unique over all of Fly: choose another app name",
    ),
    (LeaseHeldError, r"failed to (?:get|acquire) lease|lease (?:is )?(?:currently )?held", "wait for it to end"),
    (RateLimitedError, r"rate limit|too many requests|\b429\b", "wait a few minutes and run it again"),
    (
        NotLoggedInError,
        r"no access token|not logged in|must be authenticated|unauthorized|invalid token|\b401\b",
        "log in with `fly auth login`, or set FLY_API_TOKEN to a token of the organization",
    ),
    (
        VanishedError,
        r"needs volumes with name",
        "the volume is gone: restore it with `fly volumes create NAME --snapshot-id …`, then run it again",
    ),
)


def plain(text: str) -> str:
    """`text` without terminal control sequences."""
    return ANSI.sub("", text).replace("\r\n", "\n")


def classify(what: str, code: int, output: str) -> FlyError:
    """The error that a failed call stands for.

    Args:
        what: the command line, free of secrets.
        code: its exit status.
        output: what it printed, free of secrets and control sequences.
    """
    for kind, pattern, way_out in _WAYS_OUT:
        if re.search(pattern, output, re.IGNORECASE):
            return kind(f"{what}: {_last_line(output)}; {way_out}")
    return CallError(f"{what} failed with exit status {code}: {_last_line(output)}")


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return next((line for line in lines if line.lower().startswith("error")), lines[-1] if lines else "no output")[:500]

"""How a command ends that could not do what it was asked for."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from ops.answer import answer

FAILED, COULD_NOT_LOOK, INTERRUPTED = 1, 2, 130


def fail(reason: Exception | str, code: int, *, as_json: bool) -> NoReturn:
    """Say why on standard error, for a script on standard output too, and exit.

    Args:
        reason: free of secrets.
        code: to exit with.
        as_json: print JSON.
    """
    sys.stderr.write(f"error: {reason}\n")
    if as_json:
        answer({"error": str(reason)})
    sys.exit(code)


@contextmanager
def explained(code: int, *, as_json: bool) -> Iterator[None]:
    """Let what the operator can act on end the command with a message instead of a traceback.

    Args:
        code: to exit with.
        as_json: print JSON.
    """
    try:
        yield
    except Exception as error:
        if not isinstance(error, _of_the_operator()):
            raise
        fail(error, code, as_json=as_json)
    except KeyboardInterrupt:
        fail("interrupted; the same command finishes what was begun", INTERRUPTED, as_json=as_json)


def _of_the_operator() -> tuple[type[Exception], ...]:
    """Errors that say what to do; loaded when there is one, since some of their modules take a while."""
    from checks.base import CheckFailedError
    from evidence import EvidenceError
    from ops.session import OpsError
    from ops.stackfile import StackFileError
    from settings import SettingsError
    from toolchain.report import ToolchainError

    return OpsError, EvidenceError, StackFileError, SettingsError, ToolchainError, CheckFailedError

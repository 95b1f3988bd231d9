"""How a command ends that could not do what it was asked for."""

import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from ops.answer import answer

MAKE = re.compile(r"`(make [a-z][a-z-]*)`")
OPS = re.compile(r"`(python -m ops (?:(?!--stack)[^`])+)`")
FAILED, COULD_NOT_LOOK, INTERRUPTED = 1, 2, 130


def pasteable(text: str, stack: str) -> str:
    """The text with its commands as they are for this stack: in back ticks, and without the stack's name so far."""
    if stack == "local":
        return text
    named = shlex.quote(stack)
    text = MAKE.sub(rf"`\1 STACK={named}`", text)
    return OPS.sub(rf"`\1 --stack {named}`", text)


def fail(reason: Exception | str, code: int, *, as_json: bool) -> NoReturn:
    """Say why on standard error, for a script on standard output too, and exit.

    Args:
        reason: free of secrets.
        code: to exit with.
        as_json: print JSON.
    """
    from ops.terminal import Console

    Console(stderr=True).print(f"error: {reason}", markup=False)
    if as_json:
        answer({"error": str(reason)})
    sys.exit(code)


@contextmanager
def explained(code: int, *, as_json: bool, stack: str = "local") -> Iterator[None]:
    """Let what the operator can act on end the command with a message instead of a traceback.

    Args:
        code: to exit with.
        as_json: print JSON.
        stack: for which commands are printed.
    """
    try:
        yield
    except Exception as error:
        if not isinstance(error, _of_the_operator()):
            raise
        fail(pasteable(str(error), stack), code, as_json=as_json)
    except KeyboardInterrupt:
        fail("interrupted; the same command finishes what was begun", INTERRUPTED, as_json=as_json)


def _of_the_operator() -> tuple[type[Exception], ...]:
    """Errors that say what to do; loaded when there is one, since some of their modules take a while."""
    from checks.base import CheckFailedError
    from evidence import EvidenceError
    from ops.session import OpsError
    from ops.stackfile import StackFileError
    from platforms.errors import PlatformError
    from settings import SettingsError
    from toolchain.report import ToolchainError

    return OpsError, PlatformError, EvidenceError, StackFileError, SettingsError, ToolchainError, CheckFailedError

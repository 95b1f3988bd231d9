"""Turns what drivers and servers say into what the operator can act on."""

import contextlib
from collections.abc import Iterator

from checks.base import CheckFailedError, first_line
from ops.session import OpsError
from platforms.errors import PlatformError

FULL = ("xminiostoragefull", "minimum free drive threshold", "no space left", "not_enough_space")
DOWN = ("MaxRetryError", "ConnectionRefusedError", "Connection refused", "OperationalError")


@contextlib.contextmanager
def told(doing: str) -> Iterator[None]:
    """Say what was being done when something fails, and what to do about it.

    Args:
        doing: completes "cannot …".

    Raises:
        OpsError: in place of whatever a driver raised.
    """
    try:
        yield
    except (OpsError, PlatformError, CheckFailedError) as error:
        raise OpsError(_explained(doing, str(error))) from None
    except Exception as error:  # noqa: BLE001 - every driver has its own classes
        code = getattr(error, "code", None)
        seen = f"{code}: {getattr(error, 'message', '')}" if isinstance(code, str) else first_line(error)
        raise OpsError(_explained(doing, seen)) from None


def _explained(doing: str, seen: str) -> str:
    if seen.startswith("cannot "):
        return seen
    if any(sign in seen.lower() for sign in FULL):
        return f"cannot {doing}: no space is left: {seen}\nfree space there, or give the volume more, and run again"
    if any(sign in seen for sign in DOWN):
        return f"cannot {doing}: {seen}\nthe stack must be up: `make status` shows what is not, `make up` starts it"
    return f"cannot {doing}: {seen}"

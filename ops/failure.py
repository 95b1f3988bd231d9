"""How a command ends that could not do what it was asked for."""

import json
import sys
from typing import NoReturn


def fail(reason: Exception | str, code: int, *, as_json: bool) -> NoReturn:
    """Say why on standard error, for a script on standard output too, and exit.

    Args:
        reason: free of secrets.
        code: to exit with.
        as_json: print JSON.
    """
    sys.stderr.write(f"error: {reason}\n")
    if as_json:
        sys.stdout.write(json.dumps({"error": str(reason)}, indent=2) + "\n")
    sys.exit(code)

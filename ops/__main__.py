"""Operator commands of the stack: `python -m ops <command>`, or `make <command>`."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

ENVIRONMENT = Path(__file__).resolve().parents[1] / "toolchain" / "venv.py"
NEEDED = ("typer", "pulumi", "pydantic")


def main() -> None:
    """Run the command line; failures that the operator can act on are messages, not tracebacks.

    From a shell whose Python lacks the packages, it runs again in the environment that has them.
    """
    if any(find_spec(name) is None for name in NEEDED):
        os.execv(sys.executable, [sys.executable, "-E", str(ENVIRONMENT), "-m", "ops", *sys.argv[1:]])  # noqa: S606
    from ops.commands import cli

    cli()


if __name__ == "__main__":
    main()

"""Operator commands of the stack: `python -m ops <command>`, or `make <command>`."""

import sys

from ops.commands import cli
from ops.session import OpsError


def main() -> None:
    """Run the command line; failures that the operator can act on are messages, not tracebacks."""
    from evidence import EvidenceError
    from ops.stackfile import StackFileError
    from settings import SettingsError
    from toolchain.report import ToolchainError

    try:
        cli()
    except (OpsError, EvidenceError, StackFileError, ToolchainError, SettingsError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted; the same command finishes what was begun")


if __name__ == "__main__":
    main()

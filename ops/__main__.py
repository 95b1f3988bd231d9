"""Operator commands of the stack: `python -m ops <command>`, or `make <command>`."""

from ops.commands import cli


def main() -> None:
    """Run the command line; failures that the operator can act on are messages, not tracebacks."""
    cli()


if __name__ == "__main__":
    main()

"""What an operator types: each file adds its commands to `cli`, and each command is done elsewhere in `ops`."""

from ops.commands import access, data, looking, running  # noqa: F401 - each adds its commands
from ops.commands.app import cli

__all__ = ["cli"]

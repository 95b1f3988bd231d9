"""Which executable runs for a program's name: `NAME_BIN` in the environment names another one than the PATH has."""

import os
from collections.abc import Mapping, Sequence


def executable(name: str, environment: Mapping[str, str] = os.environ) -> str:
    """The executable of `name`, for example of `fly` what FLY_BIN names."""
    return environment.get(f"{name.upper()}_BIN") or name


def command(argv: Sequence[str], environment: Mapping[str, str] = os.environ) -> list[str]:
    """A command line with its program's executable."""
    return [executable(argv[0], environment), *argv[1:]]

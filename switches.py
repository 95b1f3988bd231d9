"""Switches: settings that an operator changed in an incident, without an edit of the settings file.

They live in the state folder, in a file that the environment names, so that operator commands and plain `pulumi` see
the same stack. Each stays until it is taken back, and every run says so.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FILE_VARIABLE = "LANGFUSE_STACK_SWITCHES"
"""Names the file; `make shell` exports it."""


class SwitchesError(Exception):
    """The file of switches cannot be read."""


@dataclass(frozen=True)
class Switch:
    """One setting that is held at another value than the settings file's."""

    key: str
    """Full key, for example `gateway:tracing`."""
    value: str
    since: str
    """UTC, ISO 8601."""
    who: str
    undo: str
    """The command that takes it back."""

    def __str__(self) -> str:
        """For the operator: what is held, since when, by whom, and how it is taken back."""
        return f"{self.key} is held at {self.value} since {self.since} by {self.who}; `{self.undo}` takes it back"


def read_switches(stack: str, environment: Mapping[str, str] = os.environ) -> list[Switch]:
    """Switches of `stack`; none where no file is named or made yet.

    Raises:
        SwitchesError: the file is there and is not one of ours.
    """
    path = environment.get(FILE_VARIABLE)
    if not path:
        return []
    return [Switch(**entry) for entry in _read(Path(path)).get(stack, [])]


def replaced(path: Path, stack: str, key: str, by: Switch | None) -> str:
    """Content of the file once `stack`'s switch of `key` is replaced by `by`, or taken back.

    Raises:
        SwitchesError: see `read_switches`.
    """
    everything = _read(path)
    kept = [entry for entry in everything.get(stack, []) if entry["key"] != key]
    return json.dumps({**everything, stack: [*kept, *([vars(by)] if by else [])]}, indent=1)


def _read(path: Path) -> dict[str, list[dict[str, str]]]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        for entries in document.values():
            for entry in entries:
                Switch(**entry)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise SwitchesError(
            f"{path} cannot be read ({error}): mend it; removing it takes back every switch of every stack"
        ) from None
    return dict(document)

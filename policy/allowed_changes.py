"""The allow list of the plan gate: changes to data that somebody reviewed, each for a short while."""

import datetime as dt
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

FILE = Path(__file__).with_name("allowed-changes.yaml")
LONGEST_DAYS = 30

Operation = Literal["delete", "replace", "create", "import", "unguard", "share", "mount", "readdress"]
"""What is done to a data resource: `create` one that was there before, `unguard` it (protection, retention or delete
hook is dropped), `share` one physical thing between two resources, `mount` it elsewhere, `readdress` what is read."""


class AllowListError(Exception):
    """The allow list cannot be read or says too much, so nothing may be applied."""


class Allowed(BaseModel):
    """One operation on one resource that the gate lets through."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    urn: Annotated[str, StringConstraints(pattern=r"^urn:pulumi:[^*?\s]+::[^*?\s]+::[^*?\s]+::[^*?]+$")]
    operation: Operation
    reason: Annotated[str, StringConstraints(min_length=10, strip_whitespace=True)]
    expires: dt.date

    def is_alive(self, today: dt.date) -> bool:
        """Whether it still counts."""
        return self.expires >= today


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")

    allowed: list[Allowed] = Field(default_factory=list)


def read_allowed(path: Path, today: dt.date) -> tuple[Allowed, ...]:
    """Every entry of the file, expired ones too.

    Args:
        path: the file; it must exist, empty lists are fine.
        today: entries may run for `LONGEST_DAYS` from here.

    Raises:
        AllowListError: names the entry and what is wrong with it.
    """
    try:
        document = _Document.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise AllowListError(f"{path} cannot be read: {error}") from None
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()]
        raise AllowListError(f"{path}: " + "; ".join(problems)) from None
    for entry in document.allowed:
        if entry.expires > today + dt.timedelta(days=LONGEST_DAYS):
            raise AllowListError(
                f"{path}: {entry.urn} is allowed until {entry.expires}: choose a day within {LONGEST_DAYS} days"
            )
    return tuple(document.allowed)

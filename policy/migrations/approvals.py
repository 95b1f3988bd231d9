"""Approvals: the reviewed, committed list of migration files that may take data away, each by its digest."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from policy.migrations.model import MigrationsError, ShippedFile

APPROVALS_FILE = Path(__file__).resolve().parent.parent / "approved-migrations.yaml"


@dataclass(frozen=True)
class Approval:
    """Leave for one file, as it is and no other."""

    sha256: str
    file: str
    reason: str


def read_approvals(path: Path = APPROVALS_FILE) -> list[Approval]:
    """The approvals in a file.

    Raises:
        MigrationsError: it cannot be read, or an entry is malformed; lists every problem.
    """
    import yaml
    from pydantic import BaseModel, ConfigDict, Field, ValidationError

    class Entry(BaseModel):
        model_config = ConfigDict(extra="forbid")
        sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
        file: Annotated[str, Field(min_length=1)]
        reason: Annotated[str, Field(min_length=10)]

    class Approvals(BaseModel):
        model_config = ConfigDict(extra="forbid")
        approved: list[Entry]

    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        entries = Approvals.model_validate(content).approved
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}"
            for item in error.errors(include_url=False, include_input=False)
        )
        raise MigrationsError(f"{path.name}: {problems}") from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise MigrationsError(f"{path.name} cannot be read: {error}") from error
    return [Approval(entry.sha256, entry.file, entry.reason) for entry in entries]


def stale(approvals: Sequence[Approval], shipped: Iterable[ShippedFile]) -> list[Approval]:
    """Approvals of no file that the image ships."""
    known = {file.sha256 for file in shipped}
    return [approval for approval in approvals if approval.sha256 not in known]

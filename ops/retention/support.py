"""What the release itself has for retention, and what of it this stack's settings ask for."""

from collections.abc import Mapping
from dataclasses import dataclass

from settings import Settings

LICENCE = "LANGFUSE_EE_LICENSE_KEY"
PROJECT = "LANGFUSE_INIT_PROJECT_RETENTION"
RUNBOOK = "LANGFUSE_RETENTION_DAYS"


@dataclass(frozen=True)
class Support:
    """One way, and what comes of it here."""

    way: str
    works: bool
    here: str


def support(settings: Settings) -> list[Support]:
    """Every way that the release has, or is said to have."""
    given: Mapping[str, str] = settings.langfuse.extra_env
    licensed, deletes = LICENCE in given, settings.langfuse.deletions
    lacks = [
        *(() if licensed else (f"a licence ({LICENCE} in `langfuse:extraEnv`)",)),
        *(() if deletes else ("the right to delete rows (`langfuse:deletions`)",)),
    ]
    return [
        Support(
            "per project, in Langfuse's settings",
            not lacks,
            "lacks " + " and ".join(lacks) if lacks else "licensed, and Langfuse may delete rows",
        ),
        Support(
            PROJECT,
            licensed,
            _set(given, PROJECT) + ("" if licensed else "without a licence it is ignored, and nothing says so"),
        ),
        Support(RUNBOOK, False, _set(given, RUNBOOK) + "no release reads it"),  # noqa: FBT003 - a table of facts
    ]


def _set(given: Mapping[str, str], name: str) -> str:
    return f"is {given[name]} in `langfuse:extraEnv`; " if name in given else ""

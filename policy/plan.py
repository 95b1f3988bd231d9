"""The plan of a run: what `pulumi preview --json --show-sames` printed, read strictly."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

RUN_NOTES = frozenset({"created", "modified", "sourcePosition", "stackTrace"})
"""What a state says about the run that wrote it, not about the resource."""
KNOWN_AFTERWARDS = frozenset({"id", "outputs"})
"""What only the provider can say: left out of a planned state while nothing changes."""


class PlanError(Exception):
    """The plan cannot be read, so nothing may be applied."""


class Step(BaseModel):
    """One thing the engine means to do."""

    model_config = ConfigDict(frozen=True)

    op: str
    urn: str
    old: Mapping[str, Any] | None = Field(default=None, alias="oldState")
    new: Mapping[str, Any] | None = Field(default=None, alias="newState")
    replace_reasons: tuple[str, ...] | None = Field(default=None, alias="replaceReasons")
    diff_reasons: tuple[str, ...] | None = Field(default=None, alias="diffReasons")
    detailed_diff: Mapping[str, Any] | None = Field(default=None, alias="detailedDiff")

    @property
    def changed(self) -> tuple[str, ...]:
        """Names of the inputs behind the step; never their values, which may be secret."""
        return tuple(self.replace_reasons or self.diff_reasons or sorted(self.detailed_diff or {}))

    @property
    def changes_nothing(self) -> bool:
        """Whether the state would stay as it is, options (protection, hooks, dependencies, aliases) included."""
        return self.op == "same" and _essence(self.old) == _essence(self.new)


class Diagnostic(BaseModel):
    """Something the engine, a provider or the program said."""

    message: str = ""
    severity: str = ""


class Plan(BaseModel):
    """All steps of a preview, in the engine's order."""

    steps: tuple[Step, ...] = Field(min_length=1)
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def changes_nothing(self) -> bool:
        """Whether applying the plan would leave every resource in the state as it is."""
        return all(step.changes_nothing for step in self.steps)

    @property
    def changes(self) -> Mapping[str, tuple[str, tuple[str, ...]]]:
        """URN to operation and changed inputs of everything that does not stay as it is.

        A replacement is one operation, whatever steps the engine takes for it.
        """
        replaced = {step.urn for step in self.steps if "replace" in step.op}
        found: dict[str, tuple[str, tuple[str, ...]]] = {}
        for step in self.steps:
            if not step.changes_nothing:
                operation = "replace" if step.urn in replaced else "options" if step.op == "same" else step.op
                found[step.urn] = operation, found.get(step.urn, ("", ()))[1] or step.changed
        return found

    @property
    def errors(self) -> tuple[str, ...]:
        """What the engine failed at."""
        return tuple(said.message.strip() for said in self.diagnostics if said.severity == "error")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the program warned of, each once."""
        said = (
            entry.message.strip().removeprefix("warning: ") for entry in self.diagnostics if entry.severity == "warning"
        )
        return tuple(dict.fromkeys(filter(None, said)))


def read_plan(text: str) -> Plan:
    """The plan in what the engine printed.

    Raises:
        PlanError: it is empty, cut off or something else than a plan.
    """
    start = text.find("{")
    if start < 0:
        raise PlanError("the engine printed no plan")
    try:
        document, _ = json.JSONDecoder().raw_decode(text[start:])
        return Plan.model_validate(document)
    except ValidationError as error:
        where = {".".join(map(str, problem["loc"])) or "the document" for problem in error.errors()}
        raise PlanError(f"the engine's plan has another shape than expected at {', '.join(sorted(where))}") from None
    except (ValueError, RecursionError):
        raise PlanError("the engine's plan is cut off or no JSON") from None


def _essence(state: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """What of a state is about the resource; the engine lists dependencies in the order of their arrival."""
    kept = {key: value for key, value in (state or {}).items() if key not in RUN_NOTES | KNOWN_AFTERWARDS}
    kept["dependencies"] = sorted(kept.get("dependencies") or ())
    by_property = kept.get("propertyDependencies") or {}
    kept["propertyDependencies"] = {name: sorted(urns or ()) for name, urns in by_property.items()}
    return kept

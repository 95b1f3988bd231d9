"""The engine's preview, and the state that it was made from."""

import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ops.fingerprint import fingerprint, of_state
from ops.redaction import SECRET_MARK
from ops.session import ROOT, Session
from ops.state import State, read_state
from policy.plan import Plan, PlanError, read_plan
from toolchain.environment import POLICY_PACK

ENFORCED = ("--suppress-outputs", "--policy-pack", str(POLICY_PACK))
READ = ("preview", "--json", "--show-sames", "--show-replacement-steps", *ENFORCED)
BLINDED = "[secret]"
"""What the engine shows for a secret."""


@dataclass(frozen=True)
class Preview:
    """What the engine said, and what it stands on."""

    ran: subprocess.CompletedProcess[str]
    state: State
    stands_on: dict[str, str]
    """See `ops.fingerprint`; taken before the engine started."""

    @cached_property
    def plan(self) -> Plan:
        """The steps.

        Raises:
            PlanError: there are none to read.
        """
        return read_plan(self.ran.stdout)

    @property
    def is_of_another_state(self) -> bool:
        """Whether a plan that could be applied was made from another state: it shows all but the default providers."""
        try:
            steps = self.plan.steps
        except PlanError:
            return False
        found = {str(step.old["urn"]): step.old for step in steps if step.old}
        exported = {entry["urn"]: entry for entry in self.state.resources if not _is_default_provider(entry)}
        same = found.keys() == exported.keys() and all(_shown(exported[urn]) == _shown(found[urn]) for urn in found)
        return self.ran.returncode == 0 and not same


def preview(session: Session, **overrides: object) -> Preview:
    """Run the preview, and export the state beside it, since either takes the engine a while to start.

    Should somebody have written the state between the two, they run once more, one after the other.

    Args:
        session: the stack.
        overrides: settings `langfuse-stack:<name>` for this run only.

    Raises:
        OpsError: the state cannot be exported.
    """
    argv = session.with_config(*READ, **overrides)
    stands_on = fingerprint(session, **overrides)
    with ThreadPoolExecutor(max_workers=1) as beside:
        exported = beside.submit(read_state, session)
        ran = _run(session, argv)
    state = exported.result()
    found = Preview(ran, state, stands_on | of_state(state.export))
    if not found.is_of_another_state:
        return found
    state = read_state(session)
    return Preview(_run(session, argv), state, stands_on | of_state(state.export))


def _run(session: Session, argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, cwd=ROOT, env=session.variables, capture_output=True, text=True, check=False)


def _is_default_provider(entry: Mapping[str, Any]) -> bool:
    return str(entry["type"]).startswith("pulumi:providers:") and "::default" in entry["urn"]


def _shown(entry: Mapping[str, Any]) -> Any:
    """A resource as previews show it; of the stack itself they leave the outputs out."""
    is_stack = entry["type"] == "pulumi:pulumi:Stack"
    return _blinded({key: value for key, value in entry.items() if not (is_stack and key == "outputs")})


def _blinded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return BLINDED if SECRET_MARK in value else {key: _blinded(entry) for key, entry in value.items()}
    return [_blinded(entry) for entry in value] if isinstance(value, list) else value

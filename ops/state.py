"""The stack's state, read for what the outputs do not carry: who owns what, and the operator's own keys."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ops.session import OpsError, Session

VOLUME = "docker:index/volume:Volume"
STACK = "pulumi:pulumi:Stack"
NETWORK = "docker:index/network:Network"


EXTERNAL: Mapping[str, str] = dict.fromkeys(("minio-gate", "minio-app-key", "minio-backup-key"), "s3-gate")
"""Check of the stack's own store to the one that knows the same of an external store."""


@dataclass(frozen=True)
class State:
    """An exported deployment."""

    export: Mapping[str, Any]

    @property
    def resources(self) -> list[Mapping[str, Any]]:
        """Every resource in the state."""
        return list((self.export.get("deployment") or {}).get("resources") or [])

    @property
    def pending(self) -> list[Mapping[str, Any]]:
        """Operations that an interrupted run left unfinished."""
        return list((self.export.get("deployment") or {}).get("pending_operations") or [])

    @property
    def owner(self) -> str | None:
        """Identity of the stack, which labels what it makes; None before its first run."""
        try:
            return str(self.output("stack-id", "hex"))
        except OpsError:
            return None

    @property
    def owner_email(self) -> str | None:
        """E-mail of the Langfuse user that web made sure of at its last start; None before there was one."""
        found = (entry.get("outputs", {}).get("owner_email") for entry in self._of_type(STACK))
        return next((str(email) for email in found if email), None)

    def ids(self, resource_type: str) -> set[str]:
        """Provider ids of all resources of a type."""
        return {entry["id"] for entry in self._of_type(resource_type) if entry.get("id")}

    @property
    def volumes(self) -> set[str]:
        """Docker volumes that hold this stack's data: those it declared, and those whose store a gate has come to know.

        A refresh forgets a volume that is gone; the gate of its store does not.
        """
        declared = {str(entry["outputs"]["name"]) for entry in self._of_type(VOLUME) if entry.get("outputs")}
        known = {
            str(outputs["volume"])
            for entry in self.resources
            if (outputs := entry.get("outputs") or {}).get("volume") and (outputs.get("evidence") or {}).get("identity")
        }
        return declared | known

    def resource(self, logical_name: str) -> Mapping[str, Any]:
        """One resource by its logical name, or what knows the same of an external store.

        Raises:
            OpsError: the state has none; the stack is not up.
        """
        names = {logical_name, EXTERNAL.get(logical_name, logical_name)}
        for entry in self.resources:
            if entry["urn"].rpartition("::")[2] in names and "outputs" in entry:
                return entry
        raise OpsError(f"the stack has no {logical_name} yet: run `make up`")

    def output(self, logical_name: str, name: str) -> Any:
        """One output of a resource, decrypted if the export was."""
        value = self.resource(logical_name)["outputs"][name]
        return _plain(value)

    def outputs(self, logical_name: str) -> dict[str, Any]:
        """All outputs of a resource; empty where the state has none."""
        try:
            found = self.resource(logical_name)["outputs"]
        except OpsError:
            return {}
        return {name: _plain(value) for name, value in found.items()}

    def tunnels(self, logical_names: Iterable[str]) -> dict[str, Sequence[str]]:
        """Address to the command of its tunnel, for all that gates know and that are not reached from here.

        Raises:
            OpsError: the state lacks one of the gates.
        """
        found: dict[str, Sequence[str]] = {}
        for name in logical_names:
            found |= self.resource(name)["outputs"].get("tunnels") or {}
        return found

    def _of_type(self, resource_type: str) -> Iterator[Mapping[str, Any]]:
        return (entry for entry in self.resources if entry["type"] == resource_type)


def read_state(session: Session, *, show_secrets: bool = False) -> State:
    """Export the stack's state.

    Args:
        session: the stack.
        show_secrets: decrypt secret values; they stay in memory.
    """
    argv = session.argv("stack", "export")
    return State(session.json([*argv, "--show-secrets"] if show_secrets else argv))


def _plain(value: Any) -> Any:
    import json

    if isinstance(value, Mapping) and "plaintext" in value:
        return json.loads(value["plaintext"])
    return value

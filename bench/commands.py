"""The engine calls that are compared, and the small programs that they are compared with."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.rig import HERE, Rig
from ops.preview import ENFORCED
from ops.session import Session

QUIET = ("--non-interactive", "--suppress-outputs", "--expect-no-changes")
"""With the last one, a run that is not a no-op fails instead of being measured."""
PACK = tuple(part for part in ENFORCED if part != "--suppress-outputs")


def preview(session: Session, *arguments: str) -> list[str]:
    """A no-op preview of the whole stack."""
    return session.with_config("preview", *QUIET[1:], *arguments)


def up(session: Session, *arguments: str) -> list[str]:
    """A no-op `up` of the whole stack."""
    return session.with_config("up", "--yes", *QUIET[1:], *arguments)


@dataclass(frozen=True)
class Program:
    """A copy of one of the small programs, with stacks of its own."""

    rig: Rig
    folder: Path

    @classmethod
    def copied(cls, rig: Rig, name: str) -> "Program":
        """From `bench/<name>` into the rig, so that the engine writes nothing into the repository."""
        folder = rig.folder / name
        shutil.copytree(HERE / name, folder)
        return cls(rig, folder)

    def new_stack(self, stack: str, config: Mapping[str, Any]) -> None:
        """Make a stack with these settings."""
        self.run("stack", "init", stack)
        path = self.folder / f"Pulumi.{stack}.yaml"
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        document["config"] = {f"bench-{self.folder.name}:{key}": value for key, value in config.items()}
        path.write_text(yaml.safe_dump(document), encoding="utf-8")

    def run(self, *arguments: str) -> None:
        """Run `pulumi ARGUMENTS` on the program.

        Raises:
            OpsError: it failed.
        """
        self.rig.run(["pulumi", *arguments, "--non-interactive"], cwd=self.folder)

    def no_op(self, command: Sequence[str], stack: str, *arguments: str) -> None:
        """Run a command that must change nothing."""
        self.run(*command, "--stack", stack, *QUIET[1:], *arguments)

    def deployment(self, stack: str) -> dict[str, Any]:
        """The stack's state, secrets decrypted."""
        path = self.folder / f"{stack}.json"
        self.run("stack", "export", "--show-secrets", "--stack", stack, "--file", str(path))
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return content

    def put_deployment(self, stack: str, content: Mapping[str, Any]) -> None:
        """Make `content` the stack's state."""
        path = self.folder / f"{stack}.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        self.run("stack", "import", "--stack", stack, "--file", str(path))

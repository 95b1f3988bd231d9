"""A stack that holds data, prepared once and copied for each attack."""

import copy
import datetime as dt
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policy.allowed_changes import Allowed
from policy.plan import read_plan
from policy.plan_gate import Verdict, judge
from tests.engine.toolchain_project import Project

ROOT = Path(__file__).resolve().parents[2]
TREASURE = "one thousand traces"
GUARDS = ("protect", "retain", "hook")


@dataclass
class Attacked:
    """One copy of the stack."""

    project: Project
    root: Path

    def configure(self, edit: str = "", without: Sequence[str] = ()) -> None:
        """Choose how the program is edited and which guards it leaves out."""
        for key, value in (("edit", edit), ("without", " ".join(without))):
            self.project.run("config", "set", key, value, check=True)

    def gate(self, allowed: Sequence[Allowed] = ()) -> Verdict:
        """What the plan gate says about the next run; `preview_code` keeps the engine's exit code."""
        ran = self.project.run("preview", "--json", "--show-sames", "--show-replacement-steps")
        self.preview_code = ran.returncode
        return judge(read_plan(ran.stdout), self.resources(), allowed, dt.datetime.now(tz=dt.UTC).date())

    def refusals(self) -> str:
        """All refusals in one text."""
        return "\n".join(f"{found.operation} {found.name}: {found.why}" for found in self.gate().refusals)

    def up(self, *arguments: str) -> str:
        """Plain `pulumi up`, which must fail; what it said."""
        ran = self.project.run("up", "--yes", "--skip-preview", *arguments)
        assert ran.returncode != 0, ran.stdout
        return ran.stdout

    def resources(self) -> list[dict[str, Any]]:
        """Everything in the state."""
        state = json.loads(self.project.run("stack", "export", check=True).stdout)
        return list(state["deployment"].get("resources", []))

    def urn(self, name: str) -> str:
        """URN of a resource in the state."""
        return next(str(entry["urn"]) for entry in self.resources() if entry["urn"].endswith(f"::{name}"))

    def forget(self, name: str) -> None:
        """Take a resource out of the state by hand, with all that refers to it."""
        urn = self.urn(name)
        state = json.loads(self.project.run("stack", "export", check=True).stdout)
        kept = [entry for entry in state["deployment"]["resources"] if entry["urn"] != urn]
        for entry in kept:
            entry["dependencies"] = [other for other in entry.get("dependencies") or () if other != urn]
            for urns in (entry.get("propertyDependencies") or {}).values():
                if urn in (urns or ()):
                    urns.remove(urn)
        state["deployment"]["resources"] = kept
        path = self.root / "edited.json"
        path.write_text(json.dumps(state))
        self.project.run("stack", "import", "--file", str(path), check=True)

    @property
    def data(self) -> Path:
        """The folder that stands for the bucket."""
        return self.root / "data" / "events"

    def holds_data(self) -> bool:
        """Whether what was stored is still there."""
        return (self.data / "traces").is_file() and (self.data / "traces").read_text() == TREASURE


def prepare(root: Path, without: Sequence[str] = ()) -> Attacked:
    """A stack that is up and holds data."""
    (root / "data").mkdir()
    stack = Attacked(Project("attacked", root), root)
    _settle(stack)
    stack.configure(without=without)
    stack.project.run("up", "--yes", "--skip-preview", check=True)
    (stack.data / "traces").write_text(TREASURE)
    return stack


def copied(stack: Attacked, root: Path) -> Attacked:
    """A copy with a state and data of its own."""
    shutil.copytree(stack.root, root, dirs_exist_ok=True)
    project = copy.copy(stack.project)
    project.folder = root / project.folder.name
    project.environment = {**project.environment, "PULUMI_BACKEND_URL": (root / "state").as_uri()}
    made = Attacked(project, root)
    _settle(made)
    return made


def _settle(stack: Attacked) -> None:
    stack.project.environment["PULUMI_STACK"] = "test"
    stack.project.environment["PYTHONPATH"] = str(ROOT)
    stack.project.environment["ATTACKED_DATA"] = str(stack.root / "data")

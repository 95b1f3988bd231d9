"""A stack that holds data, prepared once and copied for each attack."""

import copy
import datetime as dt
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from ops.inventory import declared_by, write
from policy.allowed_changes import Allowed
from policy.data_types import what_is
from policy.inventories import FOLDER_VARIABLE
from policy.plan import read_plan
from policy.plan_gate import Verdict, judge
from tests.engine.toolchain_project import Project

ROOT = Path(__file__).resolve().parents[2]
TREASURE = "one thousand traces"
GUARDS: Mapping[str, str] = {"protect": "protect", "retain": "retainOnDelete", "hook": "resourceHooks"}
"""What guards one resource, and its name in the state."""
READ = ("preview", "--json", "--show-sames", "--show-replacement-steps")
OWN_TYPES = ["pulumi-python:dynamic/checks:Test"]
"""Of the attacked programs alone."""


@dataclass
class Attacked:
    """One copy of a stack."""

    project: Project
    root: Path

    def configure(self, edit: str = "", without: Iterable[str] = (), **settings: str) -> None:
        """Choose how the program is edited, which guards it leaves out, and further settings."""
        path = self.project.folder / "Pulumi.test.yaml"
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        chosen = {"edit": edit, "without": " ".join(without), **settings}
        content["config"] = {f"{self.project.folder.name}:{key}": value for key, value in chosen.items()}
        path.write_text(yaml.safe_dump(content), encoding="utf-8")

    def strip(self, *guards: str) -> None:
        """Take guards out of the state of all data, as `up` leaves it when a program declares data without them."""
        state = self._read()
        for entry in state["checkpoint"]["latest"]["resources"]:
            if what_is(str(entry["urn"])):
                for guard in guards:
                    entry.pop(GUARDS[guard], None)
        self._state_file.write_text(json.dumps(state), encoding="utf-8")

    def only(self, guard: str, edit: str = "") -> None:
        """Leave data nothing but this guard (none for an empty name), in state and program, and edit the program."""
        others = [name for name in GUARDS if name != guard]
        self.strip(*others)
        self.configure(edit, without=others)

    def gate(self, allowed: Sequence[Allowed] = ()) -> Verdict:
        """What the plan gate says about the next run; `plan` and `preview_code` keep what the engine said."""
        ran = self.project.run(*READ)
        self.preview_code, self.plan = ran.returncode, read_plan(ran.stdout)
        return judge(self.plan, self.resources(), allowed, dt.datetime.now(tz=dt.UTC).date())

    def refusals(self) -> str:
        """All refusals in one text."""
        return "\n".join(f"{found.operation} {found.name}: {found.why}" for found in self.gate().refusals)

    def pack(self) -> str:
        """What the engine and the whole policy pack say about a preview; `preview_code` keeps the exit code."""
        options = self.root / "pack.json"
        options.write_text(json.dumps({"dynamic-type-known": {"furtherTypes": OWN_TYPES}}), encoding="utf-8")
        ran = self.project.run(
            "preview", "--policy-pack", str(ROOT / "policy"), "--policy-pack-config", str(options), "--diff"
        )
        self.preview_code = ran.returncode
        return ran.stdout

    def up(self, *arguments: str, preview: bool = False) -> str:
        """Plain `pulumi up`, which must fail; what it said."""
        ran = self.project.run("up", "--yes", *([] if preview else ["--skip-preview"]), *arguments)
        assert ran.returncode != 0, ran.stdout
        return ran.stdout

    def destroy(self, *arguments: str) -> str:
        """Plain `pulumi destroy` of what is not protected any more, which must fail; what it said."""
        self.project.run("state", "unprotect", "--all", "--yes", check=True)
        ran = self.project.run("destroy", "--yes", "--skip-preview", *arguments)
        assert ran.returncode != 0, ran.stdout
        return ran.stdout

    def resources(self) -> list[dict[str, Any]]:
        """Everything in the state, secrets as they are stored."""
        latest = self._read()["checkpoint"].get("latest") or {}
        return list(latest.get("resources", []))

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

    @property
    def _state_file(self) -> Path:
        return self.root / "state" / ".pulumi" / "stacks" / self.project.folder.name / "test.json"

    def _read(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._state_file.read_text(encoding="utf-8"))
        return found


S = TypeVar("S", bound=Attacked)


def prepare(root: Path, program: str, kind: type[S], **environment: str) -> S:
    """A stack that is up and holds data, with an inventory of it.

    Args:
        root: an empty folder for all of it.
        program: a folder in `programs/`.
        kind: class of the stack.
        environment: further variables; `{root}` stands for the folder, `{PATH}` for the engine's own PATH.
    """
    (root / "data").mkdir()
    stack = kind(Project(program, root), root)
    _settle(stack, environment)
    stack.configure()
    stack.project.run("up", "--yes", "--skip-preview", check=True)
    write(root / "inventory" / "test.json", declared_by(stack.resources()))
    stack.data.mkdir(exist_ok=True)
    (stack.data / "traces").write_text(TREASURE)
    return stack


def copied(stack: S, root: Path, **environment: str) -> S:
    """A copy with a state and data of its own; see `prepare`."""
    shutil.copytree(stack.root, root, dirs_exist_ok=True)
    project = copy.copy(stack.project)
    project.folder = root / project.folder.name
    project.environment = {**project.environment, "PULUMI_BACKEND_URL": (root / "state").as_uri()}
    made = type(stack)(project, root)
    _settle(made, environment)
    return made


def _settle(stack: Attacked, environment: Mapping[str, str]) -> None:
    stack.project.environment |= {
        "PULUMI_STACK": "test",
        "PYTHONPATH": str(ROOT),
        "ATTACKED_DATA": str(stack.root / "data"),
        FOLDER_VARIABLE: str(stack.root / "inventory"),
        **{
            name: value.format(root=stack.root, PATH=stack.project.environment["PATH"])
            for name, value in environment.items()
        },
    }

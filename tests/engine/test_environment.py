"""Variables that the engine or Python would heed: each loses data where it reaches them, and none reaches a run."""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import ops.plan
import ops.preview
from ops.plan import GateRefusedError, apply, gated_plan
from ops.session import Session
from ops.terminal import Console
from tests.attacks import attack
from tests.engine.attacked import READ, Attacked, copied
from toolchain import environment
from toolchain.passing import held_back

pytestmark = pytest.mark.engine
ENVIRONMENT = "environment of a run"
QUIET = Console(quiet=True)


CLOSED = "migrate"
"""A release whose migration removes the data, behind the gate that says so."""


@dataclass(frozen=True)
class Variable:
    """One that somebody sets, by mistake or on purpose."""

    name: str
    value: Callable[[Attacked], str]
    edit: str


def migration(stack: Attacked) -> str:
    return stack.urn("part-gate").replace("checks:Test::part-gate", "checks:Migration::migration")


def another_program(stack: Attacked) -> str:
    """The project, with a program that removes the data before anything is planned."""
    folder = stack.root / "another"
    shutil.copytree(stack.project.folder, folder)
    (folder / "__main__.py").write_text(wiping(stack))
    return str(folder)


def another_python(stack: Attacked) -> str:
    script = stack.root / "python"
    script.write_text(f"#!{sys.executable}\n{wiping(stack)}import os, sys\nos.execv({sys.executable!r}, sys.argv)\n")
    script.chmod(0o755)
    return str(script)


def another_module(stack: Attacked) -> str:
    folder = stack.root / "modules"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(wiping(stack))
    return f"{folder}:{Path(__file__).resolve().parents[2]}"


def wiping(stack: Attacked) -> str:
    return f"import shutil\nshutil.rmtree({str(stack.data)!r}, ignore_errors=True)\n"


def variable(
    name: str,
    value: Callable[[Attacked], str],
    edit: str = "",
    *,
    soak: bool = False,
) -> object:
    said = f"variables that are not passed on: {name}"
    return attack(Variable(name, value, edit), f"`{name}`", ENVIRONMENT, said, alone=True, soak=soak)


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        variable("PULUMI_OPTION_TARGET", migration, CLOSED),
        variable("PULUMI_OPTION_EXCLUDE", lambda stack: stack.urn("part-gate"), CLOSED, soak=True),
        variable("PULUMI_OPTION_CWD", another_program),
        variable("PULUMI_OPTION_REPLACE", lambda stack: stack.urn("bucket"), soak=True),
        variable("PULUMI_OPTION_TARGET_REPLACE", lambda stack: stack.urn("bucket"), soak=True),
        variable("PULUMI_OPTION_CONFIG", lambda _: "attacked:edit=rename", soak=True),
        variable("PULUMI_PYTHON_CMD", another_python, soak=True),
        variable("PYTHONPATH", another_module),
    ],
)
def test_a_variable_that_loses_data_in_plain_pulumi_does_not_reach_a_run(
    variable: Variable, message: str, stack: Attacked, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The data has no guard but those that the program declares, which a run puts back."""
    stack.only("", variable.edit)
    plain = copied(stack, stack.root / "plain")
    plain.project.environment[variable.name] = variable.value(plain)
    ran = plain.project.run("up", "--yes", "--skip-preview")
    assert not plain.holds_data(), ran.stdout

    stack.configure(variable.edit)
    monkeypatch.setenv(variable.name, variable.value(stack))
    code = apply(session, gated_plan(session, QUIET), QUIET)
    assert (code == 0) is (variable.edit != CLOSED)
    assert stack.holds_data()
    assert held_back({}, {variable.name: "x"}) == message


@pytest.mark.attack(
    "`PULUMI_OPTION_POLICY_PACK_CONFIG`",
    layer=ENVIRONMENT,
    message="variables that are not passed on: PULUMI_OPTION_POLICY_PACK_CONFIG",
    alone=True,
)
def test_the_pack_cannot_be_switched_off_by_a_variable(
    stack: Attacked, session: Session, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It refuses the programs of these tests, since nobody has reviewed the types that are made for them."""
    off = stack.root / "off.json"
    off.write_text(json.dumps({"all": "disabled"}))
    enforced = ("--policy-pack", str(environment.POLICY_PACK))
    name = "PULUMI_OPTION_POLICY_PACK_CONFIG"
    stack.project.environment[name] = str(off)
    assert stack.project.run("preview", *enforced).returncode == 0
    del stack.project.environment[name]

    monkeypatch.setenv(name, str(off))
    monkeypatch.setattr(ops.preview, "READ", (*READ, *enforced))
    monkeypatch.setattr(ops.plan, "ENFORCED", enforced)
    with pytest.raises(GateRefusedError, match="the preview failed"):
        gated_plan(session, QUIET)
    assert "which nobody has reviewed" in capfd.readouterr().out
    assert stack.holds_data()
    assert name in held_back({}, {name: str(off)})


@pytest.mark.attack(
    "`PULUMI_OPTION_REFRESH` after the data vanished outside",
    layer=ENVIRONMENT,
    message="variables that are not passed on: PULUMI_OPTION_REFRESH",
    alone=True,
)
def test_a_refresh_by_a_variable_makes_no_empty_store(
    stack: Attacked, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.only("")
    elsewhere = stack.root / "elsewhere"
    shutil.move(stack.data, elsewhere)
    plain = copied(stack, stack.root / "plain")
    plain.project.environment["PULUMI_OPTION_REFRESH"] = "true"
    plain.project.run("up", "--yes", "--skip-preview", check=True)
    assert plain.data.is_dir()

    stack.configure()
    monkeypatch.setenv("PULUMI_OPTION_REFRESH", "true")
    assert apply(session, gated_plan(session, QUIET), QUIET) == 0
    assert not stack.data.exists()
    assert stack.urn("bucket")
    assert (elsewhere / "traces").is_file()
    assert "PULUMI_OPTION_REFRESH" in held_back({}, {"PULUMI_OPTION_REFRESH": "true"})


@pytest.mark.attack(
    "plain `pulumi up` in the environment of `make shell`",
    layer="policy pack by default",
    message="and not protected",
    alone=True,
)
def test_plain_pulumi_is_judged_by_the_pack_in_the_environment_of_make_shell(stack: Attacked) -> None:
    stack.only("", "rename")
    plain = copied(stack, stack.root / "plain")
    plain.project.run("up", "--yes", "--skip-preview", check=True)
    assert not plain.holds_data()

    stack.project.environment |= environment.shell({})
    for command in (("preview",), ("up", "--yes", "--skip-preview")):
        ran = stack.project.run(*command)
        assert ran.returncode != 0
        assert "and not protected" in ran.stdout
    assert stack.holds_data()

"""The pack on the real engine: what previews stop, and what only `up` can know and stops before it is done."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from policy.inventories import FOLDER_VARIABLE, Inventory
from tests.engine.toolchain_project import Project

pytestmark = pytest.mark.engine
ROOT = Path(__file__).resolve().parents[2]
SALT = ("langfuse-stack:index:StackSecrets$random:index/randomBytes:RandomBytes", "salt")
PACK = ("--policy-pack", str(ROOT / "policy"))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A stack whose password is not generated yet."""
    judged = Project("judged", tmp_path)
    listed = tmp_path / "inventory" / "test.json"
    listed.parent.mkdir()
    listed.write_text(Inventory({SALT: {"length": 32}}).as_json())
    judged.environment |= {"PYTHONPATH": str(ROOT), FOLDER_VARIABLE: str(listed.parent), "MADE": str(tmp_path)}
    return judged


def mandatory(output: str) -> Iterator[str]:
    """Names of the violated rules."""
    return (found[1] for found in re.finditer(r"\[mandatory\] +(\S+)", output))


def attack(name: str, rule: str, message: str) -> pytest.MarkDecorator:
    return pytest.mark.attack(name, layer=f"policy: {rule}", message=message)


CASES = [
    ("a schema setting that points to public", "secret URL", "schema-dedicated", "belongs to somebody else"),
    ("a password in a plain fly.toml variable", "secret in fly.toml", "secret-not-in-plain-env", "has A_PASSWORD as a"),
    ("a data app published on the internet", "public data", "private-only", "which the internet can reach"),
    (
        "a dynamic resource that carries its own code",
        "by value",
        "dynamic-type-known",
        "pulumi-python:dynamic:Resource",
    ),
    ("a command that nobody reviewed", "bare command", "dynamic-type-known", "is of type command:local:Command"),
    (
        "delete_before_replace on data",
        "delete before replace",
        "data-no-delete-before-replace",
        "would begin by deleting",
    ),
    ("protect dropped", "loses protection", "data-protected", "and not protected"),
]


@pytest.mark.parametrize(
    ("case", "rule", "message"),
    [
        pytest.param(case, rule, message, marks=attack(name, rule, message), id=case)
        for name, case, rule, message in CASES
    ],
)
def test_a_preview_with_the_pack_is_refused_and_shows_no_secret(
    case: str, rule: str, message: str, project: Project
) -> None:
    project.environment["CASE"] = case
    preview = project.run("preview", *PACK)
    assert preview.returncode != 0, preview.stdout
    assert rule in set(mandatory(preview.stdout))
    assert message in preview.stdout
    assert "sesame-4711" not in preview.stdout


@pytest.mark.parametrize(("case", "rule"), [("generated URL", "schema-dedicated"), ("generated image", "image-pinned")])
def test_what_a_preview_cannot_know_is_refused_by_up_before_it_is_done(
    case: str, rule: str, tmp_path: Path, project: Project
) -> None:
    project.environment["CASE"] = case
    preview = project.run("preview", *PACK)
    up = project.run("up", "--yes", "--skip-preview", *PACK)
    assert preview.returncode == 0, preview.stdout
    assert "[advisory]" not in preview.stdout
    assert up.returncode != 0, up.stdout
    assert list(mandatory(up.stdout)) == [rule]
    assert not (tmp_path / "made").exists()


def test_a_compliant_program_passes_preview_and_up(tmp_path: Path, project: Project) -> None:
    project.environment["CASE"] = "compliant"
    for command in (("preview",), ("up", "--yes", "--skip-preview"), ("preview", "--expect-no-changes")):
        done = project.run(*command, *PACK)
        assert done.returncode == 0, done.stdout
        assert not list(mandatory(done.stdout))
    assert (tmp_path / "made").exists()


def test_a_rule_that_cannot_judge_fails_the_preview(project: Project) -> None:
    project.environment["CASE"] = "unreadable request"
    preview = project.run("preview", *PACK)
    assert preview.returncode != 0
    assert "its standard input is not JSON" in preview.stdout


def test_a_pack_that_does_not_load_fails_the_preview(tmp_path: Path, project: Project) -> None:
    project.environment["CASE"] = "compliant"
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "PulumiPolicy.yaml").write_text("runtime: python\nversion: 0.0.1\n")
    (broken / "__main__.py").write_text("import no_such_module\n")
    preview = project.run("preview", "--policy-pack", str(broken))
    assert preview.returncode != 0

"""The pack on the real engine: what previews stop, and what only `up` can know and stops before it is done."""

import re
from pathlib import Path

import pytest

from policy.inventories import FOLDER_VARIABLE, Inventory
from tests.attacks import attack
from tests.engine.toolchain_project import Project, errors

pytestmark = pytest.mark.engine
ROOT = Path(__file__).resolve().parents[2]
SALT = ("langfuse-stack:index:StackSecrets$random:index/randomBytes:RandomBytes", "salt")
PACK = ("--policy-pack", str(ROOT / "policy"))


def judged(folder: Path) -> Project:
    """A stack whose secret is not generated yet, with a newer Langfuse on record than some case declares."""
    project = Project("judged", folder)
    listed = folder / "inventory" / "test.json"
    listed.parent.mkdir()
    listed.write_text(Inventory({SALT: {"length": 32}}, ("3.225.4",)).as_json())
    project.environment |= {"PYTHONPATH": str(ROOT), FOLDER_VARIABLE: str(listed.parent), "MADE": str(folder)}
    return project


@pytest.fixture(scope="module")
def previewed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """For previews, which leave it as it is."""
    return judged(tmp_path_factory.mktemp("previewed"))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return judged(tmp_path)


def mandatory(output: str) -> set[str]:
    """Names of the violated rules."""
    return {found[1] for found in re.finditer(r"\[mandatory\] +(\S+)", output)}


def case(rule: str, value: str, name: str, message: str) -> object:
    return attack((value, rule), name, f"policy: {rule}", message, alone=True)


@pytest.mark.parametrize(
    ("judgement", "message"),
    [
        case("schema-dedicated", "secret URL", "a schema setting that points to public", "belongs to somebody else"),
        case(
            "secret-not-in-plain-env",
            "secret in fly.toml",
            "a password in a plain fly.toml variable",
            "has A_PASSWORD as a",
        ),
        case("private-only", "public data", "a data app published on the internet", "which the internet can reach"),
        case(
            "loopback-only", "open port", "a data port on all addresses of the machine", "publishes a port on 0.0.0.0"
        ),
        case("image-pinned", "image by tag", "an image that the registry may change", "langfuse:latest"),
        case(
            "release-not-downgraded",
            "older release",
            "a Langfuse older than the one that migrated the data",
            "is older than 3.225.4",
        ),
        case(
            "dynamic-type-known",
            "by value",
            "a dynamic resource that carries its own code",
            "pulumi-python:dynamic:Resource",
        ),
        case(
            "dynamic-type-known",
            "bare command",
            "a command that nobody reviewed",
            "is of type command:local:Command",
        ),
        case(
            "data-no-delete-before-replace",
            "delete before replace",
            "delete_before_replace on data",
            "would begin by deleting",
        ),
        case("data-protected", "loses protection", "protect dropped", "and not protected"),
    ],
)
def test_one_rule_refuses_the_preview_and_nothing_else_does(
    judgement: tuple[str, str], message: str, previewed: Project
) -> None:
    previewed.environment["CASE"], rule = judgement
    preview = previewed.run("preview", *PACK)
    assert preview.returncode != 0, preview.stdout
    assert mandatory(preview.stdout) == {rule}
    assert message in preview.stdout
    assert errors(preview.stdout) == {"error: preview failed"}
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
    assert mandatory(up.stdout) == {rule}
    assert not (tmp_path / "made").exists()


def test_a_compliant_program_passes_preview_and_up(tmp_path: Path, project: Project) -> None:
    project.environment["CASE"] = "compliant"
    for command in (("preview",), ("up", "--yes", "--skip-preview"), ("preview", "--expect-no-changes")):
        done = project.run(*command, *PACK)
        assert done.returncode == 0, done.stdout
        assert mandatory(done.stdout) == set()
    assert (tmp_path / "made").exists()


def test_a_rule_that_cannot_judge_fails_the_preview(previewed: Project) -> None:
    previewed.environment["CASE"] = "unreadable request"
    preview = previewed.run("preview", *PACK)
    assert preview.returncode != 0
    assert "its standard input is not JSON" in preview.stdout


def test_a_pack_that_does_not_load_fails_the_preview(tmp_path: Path, previewed: Project) -> None:
    previewed.environment["CASE"] = "compliant"
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "PulumiPolicy.yaml").write_text("runtime: python\nversion: 0.0.1\n")
    (broken / "__main__.py").write_text("import no_such_module\n")
    preview = previewed.run("preview", "--policy-pack", str(broken))
    assert preview.returncode != 0

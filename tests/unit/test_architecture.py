"""The direction of imports: what may know what."""

import ast
from pathlib import Path

import pytest

from platforms.facts import FACTS
from tests.unit.recorder import ROOT

OURS = {
    "__main__",
    "settings",
    "outputs",
    "evidence",
    "programs",
    "secretlike",
    "urls",
    "components",
    "platforms",
    "checks",
    "policy",
    "ops",
    "toolchain",
    "offline",
    "tests",
}
ALLOWED = {
    "components": {
        *("components", "settings", "platforms.spec", "checks", "secretlike", "urls", "policy.data_types"),
    },
    "components/releases": set[str](),
    "platforms": {"platforms", "evidence", "programs", "urls"},
    "platforms/choice": {"platforms", "components.base", "components.secrets", "settings"},
    "checks": {"checks", "evidence", "policy.migrations", "programs", "secretlike", "urls"},
    "policy": {"policy", "secretlike"},
    "evidence": set[str](),
    "programs": set[str](),
    "secretlike": set[str](),
    "urls": set[str](),
    "toolchain": {"toolchain", "offline", "platforms.docker.client", "platforms.docker.images"},
    "offline": {"offline", "toolchain", "platforms.docker.client", "platforms.docker.images"},
    "settings": {
        *("settings", "components.releases", "platforms.facts", "secretlike", "toolchain.paths", "urls"),
    },
    "outputs": {"components", "urls"},
    "ops": OURS - {"__main__", "offline", "tests"},
}
KNOWN_TO_FLY = {
    *("platforms.fly", "platforms.errors", "platforms.phrases", "platforms.spec", "evidence", "programs", "urls"),
}
ONLY_IMPORTERS = {"pulumi_docker": {"platforms/docker/platform.py"}, "pulumi_command": {"platforms/fly/platform.py"}}


def imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def sources(part: str) -> list[Path]:
    """Files of a part, without those that are a part of their own."""
    if (ROOT / f"{part}.py").exists():
        return [ROOT / f"{part}.py"]
    others = {ROOT / f"{other}.py" for other in ALLOWED}
    return [path for path in sorted((ROOT / part).rglob("*.py")) if path not in others]


def within(name: str, allowed: set[str]) -> bool:
    return any(name == entry or name.startswith(f"{entry}.") or entry.startswith(f"{name}.") for entry in allowed)


@pytest.mark.parametrize("part", sorted(ALLOWED))
def test_imports_point_inward(part: str) -> None:
    wrong = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(part)
        for name in imports(path)
        if name.split(".")[0] in OURS and not within(name, ALLOWED[part])
    }
    assert not wrong


def test_what_is_for_machines_without_vendors_is_imported_where_a_vendor_did_not_answer_and_nowhere_else() -> None:
    importers = {
        str(path.relative_to(ROOT))
        for part in ALLOWED.keys() - {"offline"}
        for path in sources(part)
        if any(within(name, {"offline"}) for name in imports(path))
    }
    assert importers == {
        f"toolchain/{name}.py" for name in ("docker", "engine", "images/obtain", "plugins", "resolve", "venv")
    }


def test_the_fly_driver_knows_a_spec_and_evidence_and_nothing_else_of_ours() -> None:
    wrong = {
        f"{path.name} imports {name}"
        for path in sources("platforms/fly")
        for name in imports(path)
        if name.split(".")[0] in OURS and not within(name, KNOWN_TO_FLY)
    }
    assert not wrong


@pytest.mark.parametrize("library", sorted(ONLY_IMPORTERS))
def test_each_provider_has_one_importer(library: str) -> None:
    importers = {
        str(path.relative_to(ROOT))
        for part in ALLOWED
        for path in sources(part)
        if any(name.split(".")[0] == library for name in imports(path))
    }
    assert importers == ONLY_IMPORTERS[library]


def decides(text: str) -> bool:
    """Whether code asks which platform it is: by a comparison, a pattern, or a table of its own."""

    def named(node: ast.AST) -> bool:
        name = isinstance(node, ast.Constant) and node.value in FACTS
        return name or (isinstance(node, ast.Attribute) and ast.unparse(node).endswith("stack.platform"))

    def chosen(node: ast.AST) -> bool:
        match node:
            case ast.Compare(left=left, comparators=others):
                inside = [each for other in (left, *others) for each in getattr(other, "elts", [other])]
                return any(map(named, inside))
            case ast.MatchValue(value=value):
                return named(value)
            case ast.Subscript(value=table, slice=key):
                return named(key) and ast.unparse(table) != "FACTS"
            case ast.Dict(keys=keys):
                return {key.value for key in keys if isinstance(key, ast.Constant)} >= FACTS.keys()
        return False

    return any(map(chosen, ast.walk(ast.parse(text))))


def test_one_place_decides_on_a_platform() -> None:
    deciding = {
        str(path.relative_to(ROOT))
        for part in {*ALLOWED, "startup", "bench"} - {"offline"}
        for path in sources(part)
        if decides(path.read_text(encoding="utf-8"))
    }
    assert deciding == {"platforms/choice.py", "platforms/facts.py"}


@pytest.mark.parametrize(
    "code",
    [
        'x = 1 if settings.stack.platform != "fly" else 2',
        'if "docker" == where: pass',
        'if where in ("docker", "other"): pass',
        "if stack.platform is other: pass",
        'TABLE = {"docker": 1, "fly": 2}',
        "places[settings.stack.platform]()",
        'match where:\n    case "fly": pass',
    ],
)
def test_a_new_decision_on_a_platform_is_found(code: str) -> None:
    assert decides(code)
    assert not decides("FACTS[self.stack.platform]; f'{settings.stack.platform}'; settings.platform.shared")


def runs_docker(node: ast.AST) -> bool:
    """Whether it is a command line of Docker, rather than names of platforms."""
    match node:
        case (
            ast.List(elts=[ast.Constant(value="docker"), *others])
            | ast.Tuple(elts=[ast.Constant(value="docker"), *others])
        ):
            return not any(isinstance(other, ast.Constant) and other.value in FACTS for other in others)
    return False


def test_one_module_runs_docker() -> None:
    running = {
        str(path.relative_to(ROOT))
        for part in ALLOWED
        for path in sources(part)
        if any(map(runs_docker, ast.walk(ast.parse(path.read_text(encoding="utf-8")))))
    }
    assert running == {"platforms/docker/client.py"}


def test_no_stack_is_named_below_the_entry() -> None:
    """What differs per stack is a setting, never a branch on a stack's name."""
    named = {
        str(path.relative_to(ROOT))
        for part in ("components", "platforms", "checks", "policy")
        for path in sources(part)
        if 'stack == "' in path.read_text() or "get_stack" in path.read_text()
    }
    assert not named

"""One stack that holds data for all attacks, copied for each."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

import ops.fingerprint
import ops.plan
import ops.preview
import ops.session
from ops.session import Session
from settings import load
from tests.engine.attacked import Attacked, copied, prepare


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Attacked:
    return prepare(tmp_path_factory.mktemp("prepared"), "attacked", Attacked)


@pytest.fixture
def stack(prepared: Attacked, tmp_path: Path) -> Attacked:
    """With every guard in place."""
    return copied(prepared, tmp_path)


def _products(config: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in config.items() if not key.startswith("attacked:")}


@pytest.fixture
def session(stack: Attacked, monkeypatch: pytest.MonkeyPatch) -> Session:
    """An operator's session on the small program instead of the product's."""
    for module in (ops.preview, ops.fingerprint, ops.session):
        monkeypatch.setattr(module, "ROOT", stack.project.folder)
    monkeypatch.setattr(ops.preview, "READ", ("preview", "--json", "--show-sames", "--show-replacement-steps"))
    monkeypatch.setattr(ops.plan, "UP", ("up", "--yes", "--skip-preview"))
    monkeypatch.setattr(ops.plan, "ENFORCED", ())
    (stack.root / "settings").mkdir()
    monkeypatch.setenv("LANGFUSE_STACK_STATE", str(stack.root / "settings"))
    # The product knows no settings of the small program.
    monkeypatch.setattr(ops.session, "load", lambda config, *rest: load(_products(config), *rest))
    config_file = stack.project.folder / "Pulumi.test.yaml"
    content = yaml.safe_load(config_file.read_text())
    content["config"]["langfuse-stack:vault"] = str(stack.root / "vault.json")
    config_file.write_text(yaml.safe_dump(content))
    return Session("test", stack.project.environment, config_file)

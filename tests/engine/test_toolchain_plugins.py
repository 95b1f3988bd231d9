"""The plugins, asked as the engine asks them."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.engine.toolchain_project import Project
from toolchain.plugins import PLUGINS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.engine


@pytest.mark.parametrize("name", sorted(PLUGINS))
def test_a_plugin_says_which_package_and_version_it_is(name: str, tmp_path: Path) -> None:
    project = Project("empty", tmp_path)
    version = PLUGINS[name]

    shown = project.run("package", "get-schema", f"{name}@{version}")

    assert shown.returncode == 0, shown.stdout
    schema = json.loads(shown.stdout[shown.stdout.index("{") :])
    assert schema["name"] == name
    assert schema["version"] == version


def test_the_versions_are_those_of_the_locked_python_packages(tmp_path: Path) -> None:
    project = Project("empty", tmp_path)

    listed = project.run("plugin", "ls", "--json")

    asked = {plugin["name"]: plugin["version"] for plugin in json.loads(listed.stdout) if plugin["name"] in PLUGINS}
    assert asked == PLUGINS


def test_each_locked_package_asks_for_the_version_that_is_built() -> None:
    from importlib.metadata import version

    assert {name: version(f"pulumi-{name}") for name in PLUGINS} == PLUGINS


def test_the_engine_is_that_of_the_locked_sdk(tmp_path: Path) -> None:
    from importlib.metadata import version

    project = Project("empty", tmp_path)
    shown = subprocess.run(["pulumi", "version"], env=project.environment, capture_output=True, text=True, check=True)

    assert shown.stdout.strip().lstrip("v") == version("pulumi")

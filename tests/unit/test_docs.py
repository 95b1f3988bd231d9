"""The pages and pictures that are made from the code."""

import json

import pytest
from pydantic import BaseModel

from docs.generate import DOCS, described, pages
from docs.picture import PARTS, pictures
from settings.model import GROUPS
from tests.unit.recorder import ROOT

OUTSIDE = {"application", "models"}


@pytest.mark.parametrize("name", ["settings.md", "commands.md", "policies.md"])
def test_a_page_says_what_the_code_says(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == pages()[name], "run `make docs`"


@pytest.mark.parametrize("name", sorted(pictures()))
def test_a_picture_shows_what_the_code_says(name: str) -> None:
    assert (DOCS / "images" / name).read_text(encoding="utf-8") == pictures()[name], "run `make docs`"


def test_the_picture_has_every_service_of_a_local_stack() -> None:
    registered = json.loads((ROOT / "tests" / "unit" / "registered.json").read_text())
    containers = {name for kind, name, *_ in registered if kind == "docker:index/container:Container"}
    assert containers
    assert PARTS.keys() - OUTSIDE == containers


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.namespace)
def test_every_setting_says_what_it_means(group: type[BaseModel]) -> None:
    assert [name for name, meaning in described(group).items() if not meaning] == []

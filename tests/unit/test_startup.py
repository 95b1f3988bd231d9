"""What a preview starts early is what its resources then use."""

from importlib import import_module, metadata

import pytest

from platforms.facts import FACTS


@pytest.mark.parametrize("package", sorted({package for facts in FACTS.values() for package in facts.providers}))
def test_the_provider_started_early_is_the_one_that_the_resources_ask_for(package: str) -> None:
    """With another version it would be a second one in the state."""
    assert metadata.version(f"pulumi_{package}") == import_module(f"pulumi_{package}._utilities").get_version()

"""What a preview starts early is what its resources then use."""

from importlib import import_module, metadata

import pytest

import startup


@pytest.mark.parametrize("package", sorted({package for all_of in startup.PACKAGES.values() for package in all_of}))
def test_the_provider_started_early_is_the_one_that_the_resources_ask_for(package: str) -> None:
    """With another version it would be a second one in the state."""
    assert metadata.version(f"pulumi_{package}") == import_module(f"pulumi_{package}._utilities").get_version()

"""`image-pinned`."""

from typing import Any

import pytest
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from policy.environment import CONTAINER
from policy.fly import SERVICE
from policy.rules.image_pinned import image_pinned
from tests.policy.engine import PINNED, request, resource, violations


def runs(kind: str, image: object) -> Any:
    return request(SERVICE, {"image": image}) if kind == "fly" else resource(CONTAINER, {"image": image})


@pytest.mark.parametrize("kind", ["docker", "fly"])
@pytest.mark.parametrize("image", [PINNED, f"redis@{PINNED}", f"registry.example.com:5000/team/redis@{PINNED}"])
def test_an_image_named_by_its_content_is_compliant(kind: str, image: str) -> None:
    assert violations(image_pinned, runs(kind, image)) == []


@pytest.mark.parametrize("kind", ["docker", "fly"])
@pytest.mark.parametrize("image", ["redis", "redis:7", "redis:latest", "sha256:short", None, 7, f"x {PINNED}"])
def test_an_image_named_by_a_tag_is_a_violation(kind: str, image: object) -> None:
    [message] = violations(image_pinned, runs(kind, image))
    assert "can change under the same name" in message


def test_an_image_that_is_not_known_in_a_preview_is_a_violation() -> None:
    [message] = violations(image_pinned, resource(CONTAINER, {"image": UNKNOWN_STRING_VALUE}))
    assert "an image that is not known yet" in message


def test_a_fly_request_that_is_not_known_in_a_preview_is_left_to_up() -> None:
    assert violations(image_pinned, resource(SERVICE, {"stdin": UNKNOWN_STRING_VALUE})) == []

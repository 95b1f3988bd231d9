"""Where browsers and SDKs reach media, and what is said before an `up` that leaves them without."""

import pytest

from settings import load, media_url, media_warning

FLY = {"langfuse-stack:platform": "fly"}
PUBLIC = {**FLY, "fly:public": '["langfuse-web", "media"]'}


@pytest.mark.parametrize(
    ("config", "url"),
    [
        ({}, "http://localhost:9090"),
        (FLY, None),
        (PUBLIC, "https://langfuse-media.fly.dev"),
        ({**PUBLIC, "fly:apps": '{"media": "hotdash-media"}'}, "https://hotdash-media.fly.dev"),
        ({**PUBLIC, "minio:publicUrl": "https://media.example.com"}, "https://media.example.com"),
    ],
)
def test_media_have_the_address_that_a_browser_takes(config: dict[str, str], url: str | None) -> None:
    assert media_url(load(config)) == url


@pytest.mark.parametrize(
    ("config", "langfuse_url", "said"),
    [
        ({}, "http://localhost:3000", None),
        ({}, "http://127.0.0.1:3000", None),
        ({"minio:publicUrl": "https://media.example.com"}, "https://langfuse.example.com", None),
        (PUBLIC, "https://langfuse.example.com", None),
        (FLY, "https://langfuse.example.com", "pulumi config set --path 'fly:public[1]' media"),
        ({}, "https://langfuse.example.com", "only on this machine"),
        (
            {"minio:publicUrl": "http://127.0.0.1:9090"},
            "http://localhost:3000",
            "neither https:// nor http://localhost",
        ),
        ({"minio:publicUrl": "http://media.example.com"}, "http://localhost:3000", "neither https:// nor"),
    ],
)
def test_what_leaves_media_unseen_is_said_with_the_setting_that_mends_it(
    config: dict[str, str], langfuse_url: str, said: str | None
) -> None:
    warning = media_warning(load(config), langfuse_url)
    assert (warning is None) == (said is None)
    if said:
        assert said in str(warning)
        assert "minio:publicUrl" in str(warning)

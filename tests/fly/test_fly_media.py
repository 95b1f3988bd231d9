"""The public address of media on Fly: one app without data, through which nothing but signed links passes."""

import re

import pytest

from tests.fly.test_parity import FLY, request
from tests.unit.recorder import Recording, recorded

MEDIA = "LANGFUSE_S3_MEDIA_UPLOAD_ENDPOINT"


@pytest.fixture(scope="module")
def public() -> Recording:
    return recorded({**FLY, "fly:public": '["langfuse-web", "media"]'})


def test_media_alone_are_public_and_the_store_stays_private(public: Recording) -> None:
    assert request(public, "media-app")["private"] is False
    assert request(public, "minio-app")["private"] is True
    assert request(public, "media-deploy")["toml"]["http_service"]["internal_port"] == 9000
    assert not request(public, "media-deploy")["data"]


def test_web_signs_links_for_the_public_address_and_the_worker_uses_the_private_one(public: Recording) -> None:
    services = ("langfuse-web", "langfuse-worker")
    told = {service: request(public, f"{service}-deploy")["toml"]["env"][MEDIA] for service in services}
    assert told == {
        "langfuse-web": "https://langfuse-media.fly.dev",
        "langfuse-worker": "http://langfuse-minio.internal:9000",
    }


def test_the_proxy_knows_the_buckets_of_media_and_exports_and_no_other(public: Recording) -> None:
    [config] = [file["raw_value"] for file in request(public, "media-deploy")["toml"]["files"]]
    assert re.findall(r"path_beg (.*)", config) == ["/langfuse-media/ /langfuse-exports/"]
    assert "server minio langfuse-minio.internal:9000" in config


def test_without_the_setting_nothing_of_it_is_made() -> None:
    assert not [entry.name for entry in recorded(FLY).resources if entry.name.startswith("media")]

"""What the one public way to a private store lets through, with the real proxy before a real store."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
from minio import Minio

from tests.fly.test_parity import FLY, request
from tests.standin.docker_cli import docker, eventually, free_port
from tests.standin.stores import PASSWORD, Stores, image_of
from tests.unit.recorder import recorded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.docker
MEDIA, EVENTS = "langfuse-media", "langfuse-events"


@pytest.fixture(scope="module")
def proxy(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Minio]:
    """A client that signs links for the proxy's address, as web does."""
    public = recorded({**FLY, "fly:public": '["langfuse-web", "media"]'})
    deployed = request(public, "media-deploy")["toml"]
    [file] = deployed["files"]
    config: Path = tmp_path_factory.mktemp("proxy") / "proxy.cfg"
    config.write_text(file["raw_value"].replace("langfuse-minio.internal", stores.container("minio")))
    config.chmod(0o644)
    config.parent.chmod(0o755)
    name, port = stores.container("media"), free_port()
    mount = f"{config}:{file['guest_path']}:ro"
    command = deployed["processes"]["app"].split()
    publish = f"127.0.0.1:{port}:9000"
    docker(
        "run",
        "-d",
        "--name",
        name,
        "--network",
        stores.network,
        "-p",
        publish,
        "-v",
        mount,
        image_of("proxy"),
        *command,
    )
    try:
        if not stores.minio().bucket_exists(MEDIA):
            stores.minio().make_bucket(MEDIA)
        for bucket in (MEDIA, EVENTS):
            stores.minio().put_object(bucket, "there", io.BytesIO(b"rows"), 4)
        client = Minio(f"localhost:{port}", "minio", PASSWORD, secure=False, region="us-east-1")
        eventually(lambda: httpx.get(client.presigned_get_object(MEDIA, "there")).status_code == httpx.codes.OK)
        yield client
    finally:
        docker("rm", "-f", name)


def test_a_signed_link_reads_and_writes_media(proxy: Minio) -> None:
    assert httpx.put(proxy.presigned_put_object(MEDIA, "new"), content=b"picture").status_code == httpx.codes.OK
    assert httpx.get(proxy.presigned_get_object(MEDIA, "new")).content == b"picture"


def test_a_link_that_nobody_signed_is_refused_by_the_store(proxy: Minio) -> None:
    signed = proxy.presigned_get_object(MEDIA, "there", expires=timedelta(minutes=1))
    assert httpx.get(signed[:-4] + "beef").status_code == httpx.codes.FORBIDDEN


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/langfuse-media/there", 403),
        ("GET", "/", 403),
        ("GET", "/minio/admin/v3/info?X-Amz-Signature=a", 403),
        ("GET", "/langfuse-media/%2e%2e/langfuse-events/there?X-Amz-Signature=a", 403),
        ("DELETE", "/langfuse-media/there?X-Amz-Signature=a", 405),
        ("POST", "/langfuse-media/?delete&X-Amz-Signature=a", 405),
    ],
)
def test_all_else_is_refused_by_the_proxy(proxy: Minio, method: str, path: str, status: int) -> None:
    origin = proxy.presigned_get_object(MEDIA, "there").partition(f"/{MEDIA}")[0]
    assert httpx.request(method, origin + path).status_code == status


def test_not_even_a_signed_link_reads_raw_events(proxy: Minio) -> None:
    assert httpx.get(proxy.presigned_get_object(EVENTS, "there")).status_code == httpx.codes.FORBIDDEN

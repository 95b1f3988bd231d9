"""A picture in a trace is shown by a browser, read by an SDK, and deleted with its trace."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.browser import OWN, looked_at, page
from tests.e2e.stack import TestStack, new_stack
from tests.standin.docker_cli import eventually
from tests.standin.pictures import png, upload

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]
TRACES = "/api/public/traces"


@pytest.fixture(scope="module")
def deleting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestStack]:
    """A stack that may delete rows."""
    stack = new_stack(tmp_path_factory.mktemp("media"), {"langfuse:deletions": "true"})
    try:
        run = stack.ops("up")
        assert run.code == 0, run.output
        yield stack
    finally:
        stack.remove()


@pytest.fixture
def api(deleting: TestStack) -> Iterator[httpx.Client]:
    outputs = deleting.outputs()
    keys = (outputs["langfuse_public_key"], outputs["langfuse_secret_key"])
    with httpx.Client(base_url=outputs["langfuse_url"], auth=keys, timeout=20) as client:
        yield client


def trace(api: httpx.Client, trace_id: str) -> str:
    body = {"id": trace_id, "name": trace_id, "timestamp": "2026-01-02T03:04:05Z"}
    event = {"id": f"event-{trace_id}", "timestamp": "2026-01-02T03:04:05Z", "type": "trace-create", "body": body}
    assert api.post("/api/public/ingestion", json={"batch": [event]}).status_code == 207
    eventually(lambda: api.get(f"{TRACES}/{trace_id}").status_code == 200, seconds=60)
    return trace_id


def test_a_browser_shows_the_picture_on_a_page_that_may_load_what_langfuses_may(
    api: httpx.Client, tmp_path: Path
) -> None:
    media = upload(api, trace(api, "shown"))
    url = api.get(f"/api/public/media/{media}").json()["url"]
    assert httpx.get(url).content == png(b"shown"), "what an SDK on this machine reads"
    policy = api.get("/").headers["content-security-policy"]
    pictures = {"uploaded": url, "elsewhere": f"http://127.0.0.1:{{own}}{OWN}"}
    with page(policy, png(b"own"), pictures) as address:
        assert looked_at(address, tmp_path / "profile") == {"uploaded": "shown", "elsewhere": "refused"}
    with page("img-src *", png(b"own"), pictures) as address:
        assert looked_at(address, tmp_path / "another") == {"uploaded": "shown", "elsewhere": "shown"}


def test_a_trace_with_a_picture_is_deleted_and_a_plain_one_beside_it_too(api: httpx.Client) -> None:
    plain, kept = trace(api, "plain"), trace(api, "kept")
    media = upload(api, trace(api, "with-a-picture"))
    url = api.get(f"/api/public/media/{media}").json()["url"]
    gone = ["with-a-picture", plain]
    assert api.request("DELETE", TRACES, json={"traceIds": gone}).status_code == 200
    eventually(lambda: all(api.get(f"{TRACES}/{name}").status_code == 404 for name in gone), seconds=90)
    eventually(lambda: api.get(f"/api/public/media/{media}").status_code == 404, seconds=60)
    assert httpx.get(url).status_code == 404
    assert api.get(f"{TRACES}/{kept}").status_code == 200

"""The last look at a stack, on real stores."""

from collections.abc import Iterator
from typing import Any

import pytest

from checks.base import CheckFailedError
from checks.validation import validated
from tests.checks.containers import Container, gate_inputs
from tests.checks.local_server import Answer, serving

pytestmark = pytest.mark.docker


@pytest.fixture
def inputs(clickhouse: Container, minio: Container) -> Iterator[dict[str, Any]]:
    with serving({"/": Answer(200, "<html>Langfuse</html>")}) as url:
        yield {
            **gate_inputs("end-to-end-proof"),
            "ui_url": url,
            "http_address": clickhouse.published[8123],
            "store_url": f"http://{minio.published[9000]}",
        }


def test_a_stack_that_people_can_use_is_proven(inputs: dict[str, Any]) -> None:
    seen = validated(inputs)
    assert "langfuse" in seen["databases"]
    assert (seen["object_store"], seen["ui_bytes"] > 0) == ("ready", True)


def found(inputs: dict[str, Any], **altered: Any) -> CheckFailedError:
    with pytest.raises(CheckFailedError) as finding:
        validated({**inputs, **altered})
    return finding.value


def test_a_public_address_that_leads_elsewhere_is_named(inputs: dict[str, Any]) -> None:
    with serving({"/": Answer(503)}) as other:
        finding = found(inputs, ui_url=other)
    assert (finding.probe, finding.seen) == (f"GET {other}", "HTTP 503 {}")
    assert "langfuse:publicUrl" in finding.fix


def test_a_database_that_is_not_there_is_named(inputs: dict[str, Any]) -> None:
    finding = found(inputs, database="elsewhere")
    assert finding.probe == "SHOW DATABASES"
    assert "elsewhere is missing" in finding.fix


def test_an_object_store_that_is_not_one_is_named(inputs: dict[str, Any]) -> None:
    finding = found(inputs, store_url=f"http://{inputs['http_address']}")
    assert "/minio/health/ready" in finding.probe
    assert finding.seen.startswith("HTTP 404")

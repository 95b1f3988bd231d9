"""A preview of stack `prod` on a machine that has neither vault nor login nor Fly's command line."""

import shutil
from pathlib import Path

import pytest

from ops.stackfile import read_config
from tests.e2e.stack import TestStack
from tests.fly.rehearsal import ROOT

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1800)]

PHASES = [
    "clickhouse-gate",
    "minio-gate",
    "postgres-gate",
    "langfuse-web-gate",
    "langfuse-worker-gate",
    "relay-gate",
    "gateway-gate",
    "end-to-end-proof",
]


def test_it_shows_the_phases_in_order_and_passes_the_pack(tmp_path: Path) -> None:
    config = {**read_config(ROOT / "Pulumi.prod.yaml"), "langfuse-stack:vault": str(tmp_path / "no-vault.json")}
    stack = TestStack(tmp_path, "preview", config)
    stack.configure()
    shutil.copy(ROOT / "policy" / "inventory" / "prod.json", tmp_path / "inventory" / "test.json")
    run = stack.ops("preview")
    assert run.code == 0, run.output
    assert "fake values" in run.output
    shown = [run.output.index(f" {name} ") for name in PHASES]
    assert shown == sorted(shown)

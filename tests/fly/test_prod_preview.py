"""A preview of stack `prod` on a machine that has neither vault nor login nor Fly's command line."""

import shutil
from pathlib import Path

import pytest

from ops.stackfile import read_config
from tests.e2e.stack import TestStack
from tests.fly.rehearsal import ROOT

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1800)]

UNSEEN = "pictures do not show in Langfuse"
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


def previewed(folder: Path, *without: str) -> str:
    """What a preview of the example says, without some of its settings."""
    config = {**read_config(ROOT / "Pulumi.prod.yaml"), "langfuse-stack:vault": str(folder / "no-vault.json")}
    stack = TestStack(folder, "preview", {key: value for key, value in config.items() if key not in without})
    stack.configure()
    shutil.copy(ROOT / "policy" / "inventory" / "prod.json", folder / "inventory" / "test.json")
    run = stack.ops("preview")
    assert run.code == 0, run.output
    return run.output


def test_it_shows_the_phases_in_order_and_passes_the_pack(tmp_path: Path) -> None:
    said = previewed(tmp_path)
    assert "fake values" in said
    shown = [said.index(f" {name} ") for name in PHASES]
    assert shown == sorted(shown)
    assert UNSEEN not in said, "the example says where media are reached"


def test_without_an_address_of_media_it_says_what_will_not_work_and_the_setting(tmp_path: Path) -> None:
    said = " ".join(previewed(tmp_path, "minio:publicUrl").split())
    assert UNSEEN in said
    assert "minio:publicUrl" in said

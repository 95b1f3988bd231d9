"""A machine that the vendors serve: it loads nothing that is for machines without them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.unit.bootstrap.releases import FAKES, serve_release
from tests.unit.recorder import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.bootstrap.conftest import Machine

CODE = """
import sys
import toolchain.__main__, toolchain.venv
from toolchain.ready import make_ready
from toolchain.report import Report
from toolchain.resolve import resolve

for _ in range(2):
    engine, _ = make_ready()
    [redis] = resolve({{"redis": "{reference}"}}, Report()).values()
print(engine.source, "/", redis.source)
print([name for name in sys.modules if name.partition(".")[0] in ("offline", "tests")])
"""


@pytest.fixture
def docker(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(FAKES / "docker", machine.bin)
    image = {"Id": f"sha256:{'a' * 64}", "Architecture": "amd64", "RepoDigests": [f"redis@sha256:{'d' * 64}"]}
    (tmp_path / "image").write_text(json.dumps([image]))
    monkeypatch.setenv("MACHINE", str(tmp_path))


@pytest.mark.usefixtures("docker")
def test_where_the_vendors_answer_nothing_for_machines_without_them_is_loaded(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, served: tuple[Path, str]
) -> None:
    folder, address = served
    monkeypatch.setenv("LANGFUSE_STACK_PULUMI_SHA256", serve_release(folder))
    monkeypatch.setenv("LANGFUSE_STACK_PULUMI_URL", address)
    monkeypatch.setenv("LANGFUSE_STACK_PULUMI_PLUGINS_URL", address)
    code = CODE.format(reference=f"{address.removeprefix('http://')}/redis:7.2.11")

    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert ran.stdout.splitlines() == ["vendor release / pulled", "[]"]
    assert machine.built() == []

"""A gate whose evidence cannot be kept fails the real engine's run, and opens once it can."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from evidence import FOLDER_VARIABLE
from tests.engine.test_gates import project, resources

pytestmark = [pytest.mark.engine, pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")]


def test_a_gate_that_cannot_write_its_evidence_fails_the_phase(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    gated = project("gated", tmp_path / "gated")
    gated.environment[FOLDER_VARIABLE] = str(small)
    gated.run("config", "set", "opens", "true", check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], check=True)
    try:
        subprocess.run(["dd", "if=/dev/zero", f"of={small}/filler"], check=False, capture_output=True)
        full = gated.run("up", "--yes", "--skip-preview")
        assert full.returncode != 0
        assert "gate test: proven, but evidence" in full.stdout
        assert "No space left on device" in full.stdout
        assert not {"gate", "later"} & resources(gated).keys()

        (small / "filler").unlink()
        gated.run("up", "--yes", "--skip-preview", check=True)
        [record] = [json.loads(path.read_text()) for path in small.glob("*-gate-test.json")]
        assert (record["name"], record["result"]) == ("gate test", "ok")
    finally:
        subprocess.run(["umount", small], check=True)

"""Stage zero with the real pip and a real environment."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

STAGE_ZERO = Path(__file__).parents[2] / "toolchain" / "venv.py"
ENSURE = (
    "import sys; from pathlib import Path; from toolchain.venv import *\n"
    "print(ensure_venv(Path(sys.argv[1]), Report()))"
)

pytestmark = pytest.mark.engine


def make_wheel(folder: Path) -> str:
    """A package of one module, and the hash of its wheel."""
    wheel = folder / "thing-1.0-py3-none-any.whl"
    files = {
        "thing.py": "VALUE = 42\n",
        "thing-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n",
        "thing-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip('=')},\n"
        for name, text in files.items()
    )
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in {**files, "thing-1.0.dist-info/RECORD": record}.items():
            archive.writestr(name, text)
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


@pytest.mark.soak
def test_locked_packages_are_installed_and_a_changed_package_is_refused(tmp_path: Path) -> None:
    environment = os.environ | {
        "LANGFUSE_STACK_CACHE": str(tmp_path / "cache"),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path),
    }
    lock = tmp_path / "requirements.lock"

    def ensure() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", ENSURE, lock],
            cwd=STAGE_ZERO.parents[1],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    lock.write_text(f"thing==1.0 --hash=sha256:{make_wheel(tmp_path)}\n")
    python = ensure().stdout.strip()
    value = subprocess.run(
        [python, "-c", "import thing; print(thing.VALUE)"], capture_output=True, text=True, check=True
    )
    assert value.stdout == "42\n"

    lock.write_text(f"thing==1.0 --hash=sha256:{'0' * 64}\n")
    refused = ensure()
    assert refused.returncode != 0
    assert "hashes" in refused.stderr.lower()
    assert len(list((tmp_path / "cache").glob("venv/*/.ready"))) == 1

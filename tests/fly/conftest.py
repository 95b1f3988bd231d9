"""Every test renders into a folder of its own and keeps no evidence unless it asks for it."""

from pathlib import Path

import pytest

from platforms.fly.deploy import FOLDER_VARIABLE


@pytest.fixture(autouse=True)
def build_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "build"
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    monkeypatch.delenv("LANGFUSE_STACK_EVIDENCE", raising=False)
    return folder

"""What a run stands on: the program, its settings, the machine's choice of images, the engine and the stack's state."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ops.session import ROOT, Session
from ops.stackfile import config_of
from policy.inventories import FOLDER_VARIABLE as INVENTORY
from toolchain.paths import state_dir, write_private

FILES = ("*.py", "Pulumi.yaml", "requirements.lock")
FOLDERS = ("components", "platforms", "checks", "policy", "settings", "vault")
"""What the program is made of; one that is missing is nothing."""
OURS = "LANGFUSE_STACK_"
"""Prefix of the variables that lead to further inputs of the program."""


def fingerprint(session: Session, **overrides: object) -> dict[str, str]:
    """SHA-256 of each thing but the state that decides what a run does; compare two to name what changed.

    Args:
        session: the stack.
        overrides: settings `langfuse-stack:<name>` for this run only.
    """
    variables = {name: value for name, value in session.environment.items() if name.startswith(OURS)}
    files = [Path(value) for _, value in sorted(variables.items()) if Path(value).is_file()]
    return {
        "program": _of_files(
            path
            for pattern in (*FILES, *(f"{folder}/**/*" for folder in FOLDERS))
            for path in sorted(ROOT.glob(pattern))
        ),
        "inventory": _of_files(iter(sorted((ROOT / os.environ.get(INVENTORY, "policy/inventory")).glob("*")))),
        "settings": _of_files(_vault(session)) + _of(session.engine_settings(**overrides)),
        "images": _of_files(iter(files)) + _of(sorted(variables.items())),
        "engine": _of([session.environment.get("PATH"), session.environment.get("PULUMI_HOME")]),
    }


def of_state(export: Mapping[str, Any]) -> dict[str, str]:
    """The same of a stack's exported state, but for when and by which engine it was written."""
    deployment = export.get("deployment") or {}
    return {"state": _of({key: value for key, value in deployment.items() if key != "manifest"})}


def _vault(session: Session) -> Iterator[Path]:
    """The vault that the settings name; the usual one is among the program's files."""
    named = config_of(session.document).get("langfuse-stack:vault")
    return iter([ROOT / named] if named else [])


def remembered(stack: str) -> dict[str, str] | None:
    """Fingerprint of what the last successful run left behind on this machine, None when there was none."""
    try:
        found = json.loads(_path(stack).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def remember(stack: str, left_behind: Mapping[str, str]) -> None:
    """Keep the fingerprint of a run that succeeded."""
    write_private(_path(stack), json.dumps(left_behind, indent=1))


def _path(stack: str) -> Path:
    return state_dir() / f"applied.{stack}.json"


def _of(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _of_files(paths: Iterator[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()

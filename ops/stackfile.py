"""The stack's settings file: read as the program will see it, and copied so that the committed one stays as it is.

The engine writes a stack's `encryptionsalt` into the settings file it is given. The salt belongs to the machine's
own passphrase, so it must not end up in a file that is committed. Operator commands therefore give the engine a copy
in the state folder, made anew from the committed file before each run; the salt lives there.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from toolchain.paths import state_dir, write_private

SALT = "encryptionsalt"


class StackFileError(Exception):
    """A settings file is missing or is not one."""


def read_config(path: Path) -> dict[str, str]:
    """Plain settings of a stack file as strings, as the engine hands them to the program; secret values are left out.

    Raises:
        StackFileError: the file is missing or is not a settings file.
    """
    entries = _document(path).get("config") or {}
    return {key: _as_text(value) for key, value in entries.items() if not _is_secret(value)}


def working_copy(stack: str, source: Path, overrides: Mapping[str, Any] | None = None) -> Path:
    """A copy of `source` for the engine, with this machine's salt and `overrides` on top.

    Args:
        stack: name of the stack.
        source: the settings file that people edit.
        overrides: settings for this run only, by full key; None leaves one out.

    Raises:
        StackFileError: `source` is missing or is not a settings file.
    """
    document = _document(source)
    salt = remembered_salt(stack)
    if salt and SALT not in document:
        document[SALT] = salt
    if overrides:
        changed = {**(document.get("config") or {}), **overrides}
        document["config"] = {key: value for key, value in changed.items() if value is not None}
    path = _copy_path(stack)
    write_private(path, yaml.safe_dump(document, sort_keys=False))
    return path


def remembered_salt(stack: str) -> str | None:
    """Salt of the stack on this machine, None before its first run."""
    path = _copy_path(stack)
    return _document(path).get(SALT) if path.exists() else None


def remember_salt(stack: str, made: Path) -> None:
    """Keep the salt that the engine wrote into the settings file `made`."""
    write_private(_copy_path(stack), yaml.safe_dump({SALT: _document(made)[SALT]}))


def _copy_path(stack: str) -> Path:
    return state_dir() / f"Pulumi.{stack}.yaml"


def _document(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StackFileError(f"{path} does not exist: create it, or name another with --config-file") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise StackFileError(f"{path} cannot be read: {error}") from None
    if document is None:
        return {}
    if not isinstance(document, dict) or not isinstance(document.get("config") or {}, dict):
        raise StackFileError(f"{path} is not a Pulumi settings file: it must be a mapping with `config:`")
    return document


def _is_secret(value: object) -> bool:
    return isinstance(value, dict) and set(value) == {"secure"}


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, dict | list) else str(value)

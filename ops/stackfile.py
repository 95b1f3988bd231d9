"""The stack's settings file: read as the program will see it, and copied so that a run leaves it as it is.

The engine writes a stack's `encryptionsalt` into the settings file it is given. Where the state is shared, so is the
passphrase that the salt belongs to: the line is committed. Where the state is a folder of one machine, which has a
passphrase of its own, the salt stays there too. Operator commands give the engine a
copy of the settings in the state folder.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from toolchain.paths import state_dir, write_private

SALT = "encryptionsalt"
KEYS = ("secretsprovider", "encryptedkey", SALT)
"""What the engine needs, beside a passphrase or an account, to open the stack's secrets."""


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


def copy_keys(source: Path, target: Path) -> None:
    """Write a settings file that has nothing but what `source` says about secrets; none where it says nothing.

    Raises:
        StackFileError: `source` is missing or is not a settings file.
    """
    if said := {key: value for key, value in _document(source).items() if key in KEYS}:
        target.write_text(yaml.safe_dump(said), encoding="utf-8")


def add_keys(source: Path, made: Path) -> None:
    """Add to the settings file `source`, which is committed, what the engine wrote into `made` about secrets.

    Raises:
        StackFileError: one of them cannot be read or written.
    """
    there = _document(source)
    new = {key: value for key, value in (_document(made) if made.exists() else {}).items() if key in KEYS}
    missing = {key: value for key, value in new.items() if key not in there}
    if not missing:
        return
    try:
        text = source.read_text(encoding="utf-8")
        end = "" if text.endswith("\n") or not text else "\n"
        with source.open("a", encoding="utf-8") as file:
            file.write(end + yaml.safe_dump(missing, sort_keys=False))
    except OSError as error:
        raise StackFileError(f"{source} cannot be written: {error.strerror}") from None


def drop_salt(source: Path, salt: str) -> None:
    """Take a salt out of the settings file `source`, unless another one stands there.

    Raises:
        StackFileError: it cannot be read or written.
    """
    if _document(source).get(SALT) != salt:
        return
    try:
        lines = source.read_text(encoding="utf-8").splitlines(keepends=True)
        source.write_text("".join(line for line in lines if not line.startswith(f"{SALT}:")), encoding="utf-8")
    except OSError as error:
        raise StackFileError(f"{source} cannot be written: {error.strerror}") from None


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

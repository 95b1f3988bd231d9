"""The stack's settings file: read as the program will see it, and copied so that a run leaves it as it is.

The engine writes a stack's `encryptionsalt` into the settings file it is given. Where the state is shared, so is the
passphrase that the salt belongs to: the line is committed. Where the state is a folder of one machine, which has a
passphrase of its own, the salt stays there too. Operator commands give the engine
copies of the settings, each for one call.
"""

import json
import math
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from toolchain.paths import state_dir, write_private

SALT = "encryptionsalt"
KEYS = ("secretsprovider", "encryptedkey", SALT)
"""What the engine needs, beside a passphrase or an account, to open the stack's secrets."""
MAX_BYTES = 1 << 20
MAX_DEPTH = 20
MAX_VALUES = 20_000
"""What aliases stand for included."""
MAX_DIGITS = 300
"""Python writes no number of many thousand digits, and no setting is one."""


class StackFileError(Exception):
    """A settings file is missing or is not one."""


class _Loader(yaml.SafeLoader):
    """Ends where a file nests deeper than settings do; time and stack would be spent on it otherwise."""

    def fetch_flow_collection_start(self, token: Any) -> None:
        """See the base class."""
        self._require(self.flow_level < MAX_DEPTH)
        super().fetch_flow_collection_start(token)

    def add_indent(self, column: int) -> bool:
        """See the base class."""
        self._require(len(self.indents) < MAX_DEPTH)
        return super().add_indent(column)

    def _require(self, shallow: bool) -> None:
        if not shallow:
            raise yaml.MarkedYAMLError(problem=f"it nests deeper than {MAX_DEPTH}", problem_mark=self.get_mark())


def read_config(path: Path) -> dict[str, str]:
    """Plain settings of a stack file as strings; see `config_of`.

    Raises:
        StackFileError: the file is missing or is not a settings file.
    """
    return config_of(read_document(path))


def read_document(path: Path) -> dict[str, Any]:
    """The settings file: text keys, and values that are text, numbers, `true`, `false`, null, lists or mappings.

    Raises:
        StackFileError: the file is missing or is not a settings file.
    """
    text = _text(path)
    try:
        document = yaml.load(text, _Loader)  # noqa: S506 - a safe one
    except (ValueError, TypeError, AttributeError, LookupError, yaml.YAMLError) as error:
        raise StackFileError(f"{path} cannot be read: {_brief(error)}") from None
    if document is None:
        return {}
    if not isinstance(document, dict) or not isinstance(document.get("config") or {}, dict):
        raise StackFileError(f"{path} is not a Pulumi settings file: it must be a mapping with `config:`")
    if problem := _problem(document):
        raise StackFileError(f"{path} cannot be read: {problem}")
    return document


def config_of(document: Mapping[str, Any]) -> dict[str, str]:
    """Plain settings as strings, as the engine hands them to the program; secret values are left out, however deep."""
    return {key: _as_text(value) for key, value in _without_secrets(document.get("config") or {}).items()}


def working_text(name: str, document: Mapping[str, Any], overrides: Mapping[str, Any] | None = None) -> str:
    """The settings for the engine, with this machine's salt and `overrides` on top.

    Args:
        name: of the stack, without organization and project.
        document: what `read_document` returned.
        overrides: settings for this run only, by full key; None leaves one out.
    """
    working = dict(document)
    salt = remembered_salt(name)
    if salt and SALT not in working:
        working[SALT] = salt
    if overrides:
        changed = {**(working.get("config") or {}), **overrides}
        working["config"] = {key: value for key, value in changed.items() if value is not None}
    return yaml.safe_dump(working, sort_keys=False)


def remembered_salt(name: str) -> str | None:
    """Salt of the stack on this machine, None before its first run."""
    path = _salt_path(name)
    return read_document(path).get(SALT) if path.exists() else None


def copy_keys(source: Path, target: Path) -> None:
    """Write a settings file that has nothing but what `source` says about secrets; none where it says nothing.

    Raises:
        StackFileError: `source` is missing or is not a settings file.
    """
    if said := {key: value for key, value in read_document(source).items() if key in KEYS}:
        target.write_text(yaml.safe_dump(said), encoding="utf-8")


def add_keys(source: Path, made: Path) -> None:
    """Add to the settings file `source`, which is committed, what the engine wrote into `made` about secrets.

    Raises:
        StackFileError: one of them cannot be read or written.
    """
    there = read_document(source)
    new = {key: value for key, value in (read_document(made) if made.exists() else {}).items() if key in KEYS}
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
    if read_document(source).get(SALT) != salt:
        return
    try:
        lines = source.read_text(encoding="utf-8").splitlines(keepends=True)
        source.write_text("".join(line for line in lines if not line.startswith(f"{SALT}:")), encoding="utf-8")
    except OSError as error:
        raise StackFileError(f"{source} cannot be written: {error.strerror}") from None


def remember_salt(name: str, made: Path) -> None:
    """Keep the salt that the engine wrote into the settings file `made`."""
    write_private(_salt_path(name), yaml.safe_dump({SALT: read_document(made)[SALT]}))


def forget_salt(name: str) -> None:
    """Forget the salt of a stack that is no more."""
    _salt_path(name).unlink(missing_ok=True)


def _salt_path(name: str) -> Path:
    return state_dir() / f"Pulumi.{name}.yaml"


def _text(path: Path) -> str:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise StackFileError(f"{path} is not a file: name the settings file with --config-file")
        if status.st_size > MAX_BYTES:
            raise StackFileError(f"{path} is larger than {MAX_BYTES} bytes: is it the settings file?")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise StackFileError(
            f"{path} does not exist: `make new STACK=<name>` writes one, --config-file names another"
        ) from None
    except UnicodeDecodeError as error:
        raise StackFileError(f"{path} cannot be read: it is not UTF-8 at byte {error.start}") from None
    except (OSError, ValueError) as error:
        raise StackFileError(f"{path} cannot be read: {_brief(error)}") from None


def _problem(document: Mapping[str, Any]) -> str:
    """What makes a document no settings file; empty where there is nothing of it."""
    for number, (place, depth, value) in enumerate(_values(document, "", 0)):
        if number > MAX_VALUES:
            return f"it holds more than {MAX_VALUES} values"
        if depth > MAX_DEPTH:
            return f"{place[:80]} nests deeper than {MAX_DEPTH}"
        if problem := _of_value(value):
            return f"{place[:80] or 'the file'} {problem}"
    return ""


def _values(value: Any, place: str, depth: int) -> Iterator[tuple[str, int, Any]]:
    yield place, depth, value
    if depth > MAX_DEPTH:
        return
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _values(item, f"{place}.{key}" if place else str(key), depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _values(item, f"{place}[{index}]", depth + 1)


def _of_value(value: Any) -> str:
    match value:
        case dict():
            wrong = next((key for key in value if not isinstance(key, str) or not _is_clean(key)), None)
            return "" if wrong is None else f"has a key that is no text ({_shown(wrong)}): put it into quotes"
        case bool() | None | list():
            return ""
        case str():
            return "" if _is_clean(value) else "holds a character that no text can have"
        case int():
            return f"has more than {MAX_DIGITS} digits" if abs(value) >= 10**MAX_DIGITS else ""
        case float():
            return "" if math.isfinite(value) else "is no finite number"
    return f"is of a kind that no setting has ({type(value).__name__}): put it into quotes"


def _is_clean(text: str) -> bool:
    """Whether the engine and the program can be handed the text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _shown(key: object) -> str:
    return ascii(key)[:40] if isinstance(key, str | bool | None) else type(key).__name__


def _brief(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem and error.problem_mark:
        return f"{error.problem} (line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1})"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return "; ".join(lines[:2])[:300] or type(error).__name__


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_secrets(inner) for key, inner in value.items() if not _is_secret(inner)}
    if isinstance(value, list):
        return [_without_secrets(inner) for inner in value if not _is_secret(inner)]
    return value


def _is_secret(value: object) -> bool:
    return isinstance(value, dict) and set(value) == {"secure"}


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, dict | list) else str(value)

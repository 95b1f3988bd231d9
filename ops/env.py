"""The application's `.env`: exactly what runs behind the gateway needs."""

import io
import re
from collections.abc import Mapping
from pathlib import Path

from ops.answer import answer
from ops.session import OpsError, open_session
from ops.terminal import Console
from toolchain.paths import write_private


def write_env(stack: str, config_file: Path | None, file: Path, *, as_json: bool) -> None:
    """Write the stack's `gateway_env` output to `file`, readable by its owner only; names are shown, no value.

    What else the file has stays: a variable of the stack takes the place of an earlier one of that name.

    Raises:
        OpsError: the stack is not up, or the file cannot be written.
    """
    session = open_session(stack, config_file)
    outputs = session.json(session.argv("stack", "output", "--json", "--show-secrets"))
    values = outputs.get("gateway_env")
    if not values:
        raise OpsError(f"stack {stack} has no outputs yet: run `make up`")
    try:
        before = file.read_text(encoding="utf-8") if file.exists() else ""
        write_private(file, merged(before, values))
    except OSError as error:
        raise OpsError(f"{file} cannot be written: {error.strerror}") from None
    except UnicodeDecodeError:
        raise OpsError(f"{file} is not a text file: name another with --file") from None
    if as_json:
        answer({"file": str(file), "names": sorted(values)})
    else:
        Console().print(f"{file}: {', '.join(sorted(values))}")


def merged(before: str, values: Mapping[str, str]) -> str:
    """A file of variables with `values` set, and everything else as it was.

    Args:
        before: the file's text; empty for a new one.
        values: name to value.
    """
    from dotenv.parser import parse_stream

    left, text = dict(sorted(values.items())), ""
    for binding in parse_stream(io.StringIO(before)):
        if binding.key not in values:
            text += binding.original.string
        elif binding.key in left:
            text += _line(binding.key, left.pop(binding.key))
    if left and text and not text.endswith("\n"):
        text += "\n"
    return text + "".join(_line(name, value) for name, value in left.items())


def _line(name: str, value: str) -> str:
    return f"{name}={value}\n" if re.fullmatch(r"[\w:/.@%+=-]+", value) else f"{name}='{_escaped(value)}'\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")

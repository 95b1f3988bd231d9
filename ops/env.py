"""The application's `.env`: exactly what runs behind the gateway needs."""

from pathlib import Path

from rich.console import Console

from ops.answer import answer
from ops.session import OpsError, open_session
from toolchain.paths import write_private


def write_env(stack: str, config_file: Path | None, file: Path, *, as_json: bool) -> None:
    """Write the stack's `gateway_env` output to `file`, readable by its owner only; names are shown, no value.

    Raises:
        OpsError: the stack is not up, or the file cannot be written.
    """
    session = open_session(stack, config_file)
    outputs = session.json(session.argv("stack", "output", "--json", "--show-secrets"))
    values = outputs.get("gateway_env")
    if not values:
        raise OpsError(f"stack {stack} has no outputs yet: run `make up`")
    try:
        write_private(file, "".join(f"{name}={value}\n" for name, value in sorted(values.items())))
    except OSError as error:
        raise OpsError(f"{file} cannot be written: {error.strerror}") from None
    if as_json:
        answer({"file": str(file), "names": sorted(values)})
    else:
        Console().print(f"{file}: {', '.join(sorted(values))}", highlight=False)

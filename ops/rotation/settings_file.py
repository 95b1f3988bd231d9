"""The record of rotations: two settings, written by the engine's own command into the file that people review."""

from ops.session import Session
from settings.groups import Rotatable

ROTATIONS, ROTATING = "langfuse-stack:rotations", "langfuse-stack:rotating"


def begin(session: Session, name: Rotatable, number: int) -> None:
    """Record that a secret is being rotated to its `number`th generation: both settings, or none.

    Raises:
        OpsError: the file cannot be written.
    """
    pairs = (f"{ROTATIONS}.{name}={number}", f"{ROTATING}={name}")
    flags = [word for pair in pairs for word in ("--plaintext", pair)]
    session.text([*session.argv("config", "set-all", "--path", *flags), *_file(session)])


def end(session: Session) -> None:
    """Record that the rotation is finished.

    Raises:
        OpsError: the file cannot be written.
    """
    session.text([*session.argv("config", "rm", ROTATING), *_file(session)])


def _file(session: Session) -> list[str]:
    return ["--config-file", str(session.config_file)]

"""Throws a switch and takes it back: the way for `rollback` and `members` to hold a setting without an edit."""

from dataclasses import replace
from pathlib import Path

from evidence import now
from ops.decisions import operator
from ops.session import Session
from switches import FILE_VARIABLE, Switch, replaced
from toolchain.paths import write_private


def hold(session: Session, key: str, value: str, undo: str) -> Session:
    """The session with the setting held at a value; one that is held there already keeps its time and author.

    Args:
        session: the stack.
        key: full key of the setting.
        value: as the settings file would have it.
        undo: the command that takes it back, without its stack.
    """
    thrown = _thrown(session, key)
    if thrown and thrown.value == value:
        return replace(session)
    at = f"{now()[:19]}Z"
    return _write(session, key, Switch(key, value, at, operator(), f"{undo} --stack {session.stack}"))


def release(session: Session, key: str) -> Session:
    """The session with the setting as the settings file has it."""
    return _write(session, key, None) if _thrown(session, key) else replace(session)


def _thrown(session: Session, key: str) -> Switch | None:
    return next((switch for switch in session.switches if switch.key == key), None)


def _write(session: Session, key: str, switch: Switch | None) -> Session:
    path = Path(session.environment[FILE_VARIABLE])
    write_private(path, replaced(path, session.name, key, switch))
    return replace(session)

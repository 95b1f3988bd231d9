"""Holds a setting at a value and takes that back: the way for `rollback` and `members`, without an edit of the file.

The next run of the session records it in the stack's state, before it changes anything else.
"""

from dataclasses import replace

from evidence import now
from ops.decisions import operator
from ops.session import Session
from switches import Switch


def hold(session: Session, key: str, value: str, undo: str) -> Session:
    """The session with the setting held at a value; one that is held there already keeps its time and author.

    Args:
        session: the stack.
        key: full key of the setting.
        value: as the settings file would have it.
        undo: the command that takes it back, without its stack.
    """
    before = _switches(session)
    if any((switch.key, switch.value) == (key, value) for switch in before):
        return replace(session)
    made = Switch(key, value, f"{now()[:19]}Z", operator(), f"{undo} --stack {session.stack}")
    return replace(session, held=(*_others(before, key), made))


def release(session: Session, key: str) -> Session:
    """The session with the setting as the settings file has it."""
    before = _switches(session)
    after = _others(before, key)
    return replace(session) if after == before else replace(session, held=after)


def _switches(session: Session) -> tuple[Switch, ...]:
    """Those in force at this moment: another machine may have changed them since the session was opened."""
    return replace(session).switches


def _others(switches: tuple[Switch, ...], key: str) -> tuple[Switch, ...]:
    return tuple(switch for switch in switches if switch.key != key)

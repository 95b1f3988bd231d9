"""Holds a setting at a value and takes that back: the way for `rollback` and `members`, without an edit of the file.

The next run of the session records it in the stack's state, before it changes anything else.
"""

from dataclasses import replace

from evidence import now
from ops.decisions import operator
from ops.session import Session
from settings.switches import Switch


def hold(session: Session, key: str, value: str, undo: str) -> Session:
    """The session with the setting held at a value; one that is held there already keeps its time and author.

    Args:
        session: the stack.
        key: full key of the setting.
        value: as the settings file would have it.
        undo: the command that takes it back, without its stack.
    """
    fresh = _fresh(session)
    if any((switch.key, switch.value) == (key, value) for switch in fresh.switches):
        return fresh
    made = Switch(key, value, f"{now()[:19]}Z", operator(), f"{undo} --stack {session.stack}")
    return _holding(fresh, (*_others(fresh, key), made))


def release(session: Session, key: str) -> Session:
    """The session with the setting as the settings file has it."""
    fresh = _fresh(session)
    others = _others(fresh, key)
    return fresh if others == fresh.switches else _holding(fresh, others)


def _fresh(session: Session) -> Session:
    """With what the state records at this moment: another machine may have changed it since the session was opened."""
    return replace(session, known=None)


def _others(session: Session, key: str) -> tuple[Switch, ...]:
    return tuple(switch for switch in session.switches if switch.key != key)


def _holding(session: Session, switches: tuple[Switch, ...]) -> Session:
    return replace(session, held=switches, known=session.recorded)

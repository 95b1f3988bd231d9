"""Which values of a stack are secret, and a second look for what looks like one, before anything leaves the machine."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from evidence import SHORTEST_SECRET, redact
from ops.session import Session
from ops.state import State
from secretlike import masked

SECRET_MARK = "4dabf18193072939515e22adb298388d"  # noqa: S105 - the engine's mark of a secret value
ASSIGNMENT = re.compile(r"^[A-Z][A-Z0-9_]*=(?P<value>.*)$", re.DOTALL)


class Redactor:
    """Takes secrets out of texts.

    Args:
        values: the secrets that are known.
    """

    def __init__(self, values: Iterable[str]) -> None:
        self._values = frozenset(values)

    def __call__(self, text: str) -> str:
        """`text` without the known secrets in any spelling, and without what looks like a secret."""
        return masked(redact(text, self._values))


def of_state(state: State) -> set[str]:
    """Every secret value in a decrypted state; what also stands in it in plain is none."""
    secret: set[str] = set()
    plain: set[str] = set()
    for value, hidden in _leaves(state.export, hidden=False):
        (secret if hidden else plain).add(value)
    return {part for value in secret for part in _parts(value) if len(part) >= SHORTEST_SECRET} - plain


def of_settings(session: Session) -> set[str]:
    """Values of settings that may be secret although they were set in plain."""
    gateway, langfuse = session.settings.gateway, session.settings.langfuse
    return {*gateway.provider_keys.values(), *langfuse.extra_env.values(), *langfuse.secret_env.values()}


def strings(document: Any) -> set[str]:
    """Every text in a document."""
    return {value for value, _ in _leaves(document, hidden=False)}


def _leaves(value: Any, *, hidden: bool) -> Iterator[tuple[str, bool]]:
    if isinstance(value, str):
        yield value, hidden
    elif isinstance(value, Mapping):
        if SECRET_MARK in value:
            text = value.get("plaintext")
            yield from _leaves(json.loads(text) if isinstance(text, str) else None, hidden=True)
        else:
            for item in value.values():
                yield from _leaves(item, hidden=hidden)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, hidden=hidden)


def _request(value: str) -> Mapping[str, Any] | None:
    """The request that a command on Fly has as its standard input; None for any other value."""
    try:
        found = json.loads(value) if value.startswith("{") else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _parts(value: str) -> Iterator[str]:
    """What is secret in a value: of a request to Fly the secrets, of an assignment the value, of a URL the password."""
    request = _request(value)
    if request is not None:
        for part in filter(None, (*strings(request.get("values")), str(request.get("hmac_key") or ""))):
            yield from _parts(part)
        return
    assigned = ASSIGNMENT.match(value)
    text = assigned["value"] if assigned else value
    if "://" not in text:
        yield text
        return
    try:
        password = urlsplit(text).password
    except ValueError:
        password = None
    if password:
        yield password
        yield unquote(password)

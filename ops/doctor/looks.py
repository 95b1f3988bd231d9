"""What is seen of what runs, and what of that may be shown."""

import re
from collections.abc import Collection, Mapping, Sequence
from urllib.parse import urlsplit

from platforms.errors import PlatformError
from platforms.spec import UNKNOWN, Inspector, Instance

SECRET_NAME = re.compile(r"PASSWORD|SECRET|SALT|TOKEN|AUTH$|ENCRYPTION_KEY|MASTER_KEY|API_KEY|PUBLIC_KEY$")
MASK = "…"
INSIDE = r"(?!\"(?:[,}\]\s]|$))\S"
"""A character of a URL, which may be in JSON without spaces."""
PARAMETER_SECRET = re.compile(
    rf"(?P<before>(?:password|passwd|secret|token)[\w-]{{0,40}}=)(?:\"[^\"]*\"|'[^']*'|(?!&)(?:(?!&){INSIDE})+)",
    re.IGNORECASE,
)
URL_SECRET = re.compile(rf"(?P<before>://[^:/\s]*:)(?:{INSIDE}){{1,512}}(?=@)")
"""Up to the last `@`: a password that was not escaped may hold one."""


def environment(inspector: Inspector, service: str) -> Mapping[str, str]:
    """What the (first) instance of a service was given.

    Raises:
        PlatformError: there is none, or it does not say.
    """
    found = inspector.instances().get(service)
    if not found:
        raise PlatformError(f"there is no {service}", "`make up` makes it")
    if found[0].unread:
        raise PlatformError(found[0].unread)
    return found[0].env


def instances(inspector: Inspector, service: str) -> Sequence[Instance]:
    """Every instance of a service.

    Raises:
        PlatformError: the platform did not say.
    """
    found = inspector.instances().get(service, ())
    for instance in found:
        if instance.state == UNKNOWN:
            raise PlatformError(instance.unread)
    return found


def filled(text: str) -> str:
    """`text` with a mask for every character of a password or a token in it: as long as before, and safe to cut."""
    for pattern in (PARAMETER_SECRET, URL_SECRET):
        text = pattern.sub(lambda found: found["before"] + MASK * (len(found[0]) - len(found["before"])), text)
    return text


def hidden(text: str) -> str:
    """`text` with one mask for each password or token in it, or for what is left of one in a text that was filled."""
    return re.sub(f"{MASK}+", MASK, filled(text))


def masked(env: Mapping[str, str], secrets: Collection[str] = ()) -> dict[str, str]:
    """An environment that may be shown: of a secret, only its length; of a URL, all but its passwords.

    Args:
        env: value by name.
        secrets: names that are known to be secret, whatever they look like.
    """
    shown: dict[str, str] = {}
    for name, value in sorted(env.items()):
        secret = name in secrets or (SECRET_NAME.search(name) and not _is_address(value))
        if secret and not URL_SECRET.search(value):
            shown[name] = f"{MASK} ({len(value)} characters)"
        else:
            shown[name] = hidden(value)
    return shown


def _is_address(value: str) -> bool:
    return value in {"true", "false"} or bool(urlsplit(value).scheme in {"http", "https"})

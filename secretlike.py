"""What looks like a secret, by the name of a setting or variable, or by its value."""

import re

_NAME = re.compile(
    r"(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|SALT|CREDENTIALS?|_AUTH|"
    r"(?:API|MASTER|PRIVATE|SECRET|ENCRYPTION|ACCESS)_KEY)$",
    re.IGNORECASE,
)
_VALUE = re.compile(
    r"""^(?:
        [a-z][a-z0-9+.\-]*://[^/\s:@]*:[^/\s@]+@.*   # a URL with a password
        | [0-9a-f]{32,}                              # 16 bytes or more in hexadecimal
        | (?:sk|pk)-[\w\-]{8,}                       # an API key
    )$""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)

_IN_TEXT = (
    re.compile(r"(?<=://)(?P<before>[^\s:/@]*:)[^\s@]+(?=@)"),
    re.compile(r"(?P<before>\b(?:bearer|basic)\s+)[\w+/.=~-]{8,}", re.IGNORECASE),
    re.compile(
        r"(?P<before>[\w-]*(?:password|passwd|secret|token|api[_-]?key)[\w-]*[\"']?\s*[=:]\s*[\"']?)[^\s\"',;&)}]{6,}",
        re.IGNORECASE,
    ),
    re.compile(r"(?P<before>\b(?:sk|pk)-(?:lf-)?)[A-Za-z0-9_-]{8,}"),
)


def looks_like_secret(name: str, value: str) -> bool:
    """Whether a value that is not empty belongs where nobody reads it."""
    return bool(value) and bool(_NAME.search(name) or _VALUE.match(value))


def masked(text: str) -> str:
    """A text without what looks like a secret in it."""
    for pattern in _IN_TEXT:
        text = pattern.sub(r"\g<before>…", text)
    return text

"""Files as people, editors and full disks leave them: a good one, altered in a few places."""

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

DEEP = 2000
OPENED = '{"a":'
LONG_NUMBER = "9" * 5000
SNIPPETS: Sequence[bytes] = (
    b"\0",
    b"\xff\xfe",
    b"\xc3",
    b"\xef\xbb\xbf",
    b"\t",
    b"\r",
    b"\n\n---\n",
    b'"',
    b"{",
    b"]",
    b": ",
    b"\ntrue: x\n",
    b"\n  true: x\n",
    b"\n  1: 2\n",
    b"\n  2001-01-01: x\n",
    b"\n  ~: x\n",
    b"\n  ? [a, b]\n  : c\n",
    b"\n  ? {a: b}\n  : c\n",
    b"\n  redis:port: &a [*a]\n",
    b"\n  redis:port: *nowhere\n",
    b"\n  <<: *nowhere\n",
    b"\n  <<: [1]\n",
    b"\n  redis:port: !!python/object/apply:os.getcwd []\n",
    b"\n  redis:port: !!binary aGk=\n",
    b"\n  redis:port: !!set {a, b}\n",
    b"\n  redis:port: !!omap [a: b]\n",
    b"\n  redis:port: !!int x\n",
    b"\n  redis:port: !!float x\n",
    b"\n  redis:port: !!timestamp x\n",
    b"\n  redis:port: 2001-13-45\n",
    b"\n  redis:port: 12:99:99\n",
    b'\n  langfuse:publicUrl: "\\ud800"\n',
    b'\n  langfuse:publicUrl: "\\0"\n',
    b'\n  "\\ud800": x\n',
    b'\n  "a\\nb": x\n',
    f"\n  redis:port: {LONG_NUMBER}\n".encode(),
    f"\n  redis:port: 0x{'f' * 5000}\n".encode(),
    b"\n  clickhouse:memoryRatio: .nan\n",
    b"\n  clickhouse:memoryRatio: 1e400\n",
    f"\n  langfuse:organization: {'[' * DEEP}\n".encode(),
    f"\n  langfuse:organization: {'[' * DEEP}{']' * DEEP}\n".encode(),
    f"\n  langfuse:organization: '{'[' * DEEP}{']' * DEEP}'\n".encode(),
    f"\n  langfuse:organization: '{OPENED * DEEP}1{'}' * DEEP}'\n".encode(),
    f"\n  a: &a [x, x]\n  b: &b [{'*a, ' * 9}]\n  c: &c [{'*b, ' * 9}]\n  d: &d [{'*c, ' * 9}]\n".encode(),
)
"""What breaks parsers, and what is text to a parser and no setting."""
JSON_SNIPPETS: Sequence[bytes] = (
    *SNIPPETS[:11],
    b"[" * DEEP,
    b'{"a":' * DEEP,
    b'"\\ud800"',
    b'"\\u0000"',
    b"NaN",
    b"-Infinity",
    b"1e999",
    LONG_NUMBER.encode(),
    b"null",
    b"true",
    b"[]",
    b"{}",
    b', "SALT": null',
    b', "SALT": 7',
    b', "\\ud800": "x"',
    b', "": ""',
    b', "PROVIDER_KEYS": {"a": "x"}',
    b', "PROVIDER_KEYS": {"A_KEY": ["x"]}',
    b', "PROVIDER_KEYS": {"\\ud800": "x"}',
    b', "PROVIDER_KEYS": [[[]]]',
    b"//comment\n",
    b"postgresql://[::1",
    b"%zz",
    b"@",
)
TEXT = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["", "\0", "\ud800", LONG_NUMBER, "-1", "1e999", "nan", "yes", "null", "[", "{", "[" * DEEP, "::"]),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.integers(10**30, 10**40), st.floats(), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXT, inner, max_size=4)),
    max_leaves=12,
)
"""What may stand where a setting is expected."""


@st.composite
def altered(draw: st.DrawFn, originals: Sequence[bytes], snippets: Sequence[bytes]) -> bytes:
    """One of `originals` with up to four alterations."""
    content = draw(st.sampled_from(originals))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content)))
        until = at + draw(st.sampled_from([0, 0, 0, 1, 2, 30, len(content)]))
        put = draw(st.one_of(st.sampled_from(snippets), st.binary(max_size=4), st.just(content[at:until])))
        if draw(st.booleans()):
            at = until = content.rfind(b"\n", 0, at) + 1
        content = content[:at] + put + content[until:]
    return content


def as_json(document: object) -> bytes:
    """A document as a file; what JSON has no way to write is escaped."""
    return json.dumps(document).encode()

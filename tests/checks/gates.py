"""Runs a check as the engine does, and takes what it says apart."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus, unquote

import pytest

from checks.base import CheckProvider, GateClosedError

MESSAGE = re.compile(
    r"(?P<label>.+): not proven after \d+ s \(deadline \d+ s\): (?P<probe>.+)\n"
    r"    seen: (?P<seen>(?s:.+?))\n"
    r"    fix:  (?P<fix>.+)\n"
    r"(?:    log:  .+\n)*"
    r"    then: run the same command again; .+"
)
SECRET_INPUTS = ("password", "admin_password", "secret_key", "root_password", "role_password", "master_key")
SECRET_URLS = ("direct_url", "pooled_url", "admin_url")


@dataclass(frozen=True)
class Finding:
    """What a gate that stayed closed says."""

    label: str
    probe: str
    seen: str
    fix: str


def green(provider: type[CheckProvider], inputs: Mapping[str, Any], **altered: Any) -> dict[str, Any]:
    """Evidence of the check, which must be proven."""
    outputs = provider().run({**inputs, **altered})
    assert outputs["result"] == "ok"
    evidence: dict[str, Any] = outputs["evidence"]
    assert_shows_no_secret(str(evidence), {**inputs, **altered})
    return evidence


def red(provider: type[CheckProvider], inputs: Mapping[str, Any], **altered: Any) -> Finding:
    """What the check found, which must be something; it names probe, finding and fix on a line each, and no secret."""
    given = {**inputs, **altered}
    with pytest.raises(GateClosedError) as closed:
        provider().run(given)
    message = str(closed.value)
    assert_shows_no_secret(message, given)
    match = MESSAGE.fullmatch(message)
    assert match, message
    return Finding(**match.groupdict())


def refused_after(provider: type[CheckProvider], inputs: Mapping[str, Any], evidence: Mapping[str, Any]) -> Finding:
    """What the check found when it ran again for a store whose evidence was once this."""
    with pytest.raises(GateClosedError) as closed:
        provider().update("id", {"evidence": evidence}, dict(inputs))
    match = MESSAGE.fullmatch(str(closed.value))
    assert match, closed.value
    return Finding(**match.groupdict())


def proven_after(provider: type[CheckProvider], inputs: Mapping[str, Any], evidence: Mapping[str, Any]) -> None:
    """The check runs again for the same store, and is proven."""
    outputs = provider().update("id", {"evidence": evidence}, dict(inputs)).outs
    assert outputs is not None
    assert outputs["evidence"]["identity"] == evidence["identity"]


def assert_shows_no_secret(text: str, inputs: Mapping[str, Any]) -> None:
    """No secret among the inputs is in the text, in any spelling."""
    for secret in secrets_of(inputs):
        assert secret not in text


def secrets_of(inputs: Mapping[str, Any]) -> Iterator[str]:
    """Every secret among the inputs of a check, as it is and as it looks inside a URL."""
    values = [inputs[name] for name in SECRET_INPUTS if name in inputs]
    values += [
        inputs[name].partition("://")[2].partition(":")[2].rpartition("@")[0] for name in SECRET_URLS if name in inputs
    ]
    for value in filter(None, values):
        yield from {value.strip(), unquote(value), quote(value, safe=""), quote_plus(value)}

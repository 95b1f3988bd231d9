"""A check that says what it is told to."""

import itertools

from checks.base import CheckFailedError, CheckProvider, CheckResource, Evidence, Inputs, now

_calls = itertools.count(1)


class GateProvider(CheckProvider):
    label = "gate test"
    keys = ("opens", "watch")

    def probe(self, inputs: Inputs) -> Evidence:
        if not inputs["opens"]:
            raise CheckFailedError("SELECT 1", f"try {min(next(_calls), 2)}", "set opens to true")
        return {"at": now(), "watch": inputs["watch"]}


class Gate(CheckResource, module="checks", name="Test"):
    provider = GateProvider

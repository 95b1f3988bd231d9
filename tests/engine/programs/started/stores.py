"""A check of a file."""

from pathlib import Path

from checks.base import CheckFailedError, CheckProvider, CheckResource, Evidence, Inputs


class StoreProvider(CheckProvider):
    label = "store test"
    keys = ("store",)
    secrets = ("key",)

    def probe(self, inputs: Inputs) -> Evidence:
        found = Path(inputs["store"]).read_text(encoding="utf-8")
        if found != "current":
            raise CheckFailedError("the store", f"{found}, {inputs['key']}", "put the current one back", final=True)
        return {"found": found}


class StoreGate(CheckResource, module="checks", name="Store"):
    provider = StoreProvider

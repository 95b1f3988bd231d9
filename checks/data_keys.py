"""Memory of the keys that stored data depends on: other ones are refused before anything starts with them."""

import hashlib

from checks.base import KNOWN_IDENTITY, CheckFailedError, CheckResource, DataProvider, Evidence, Identity, Inputs

COST = {"n": 2**14, "r": 8, "p": 1}
"""Of each fingerprint: it stands in plain state, and a SALT that somebody chose may be short."""
NAMES = {"salt": "SALT", "encryption_key": "ENCRYPTION_KEY"}


class DataKeysProvider(DataProvider):
    """See `DataKeys`."""

    label = "keys of stored data"
    secrets = tuple(NAMES)
    keys = tuple(NAMES)

    def probe(self, inputs: Inputs) -> Evidence:
        known: Identity = inputs.get(KNOWN_IDENTITY) or {}
        seen = {name: _fingerprint(name, str(inputs[key])) for key, name in NAMES.items()}
        changed = [name for name in known if known[name] != seen.get(name)]
        if changed:
            raise CheckFailedError(
                f"fingerprint of {' and '.join(changed)}",
                "another value than the one that stored data was written with",
                "put the old value back (vault, or the backup of the state): SALT hashes every API key, and what "
                "ENCRYPTION_KEY encrypted cannot be read with another",
                final=True,
            )
        return {"identity": seen}


class DataKeys(CheckResource, module="checks", name="DataKeys"):
    """The stack's SALT and ENCRYPTION_KEY are those that its data was written with.

    Args:
        inputs: `salt`, `encryption_key` (secrets), `addresses` (where the data is found: kept for the plan gate, which
            refuses others).
    """

    provider = DataKeysProvider


def fingerprint_of(salt: str, encryption_key: str) -> str:
    """One fingerprint of both, kept beside the data; a short SALT cannot be guessed from it without the other."""
    return _fingerprint("keys of data", f"{salt}\0{encryption_key}")


def _fingerprint(name: str, value: str) -> str:
    return hashlib.scrypt(value.encode(), salt=f"langfuse-stack {name}".encode(), dklen=16, **COST).hex()

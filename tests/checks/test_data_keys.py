"""A stack cannot start with other keys than those its data was written with."""

from typing import Any

import pytest

from checks.data_keys import DataKeysProvider
from tests.checks.gates import green, proven_after, refused_after

GIVEN: dict[str, Any] = {"salt": "salt-before", "encryption_key": "a" * 64, "deadline_seconds": 1}
OTHER = "another value than the one that stored data was written with"


def test_the_same_keys_are_recognized_and_not_shown() -> None:
    evidence = green(DataKeysProvider, GIVEN)
    proven_after(DataKeysProvider, GIVEN, evidence)
    assert set(evidence["identity"]) == {"SALT", "ENCRYPTION_KEY"}
    assert all(GIVEN[name] not in str(evidence) for name in ("salt", "encryption_key"))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        pytest.param(
            {"salt": "salt-after"},
            "fingerprint of SALT",
            marks=pytest.mark.attack(
                "change SALT in the vault", layer="memory of data keys", message=OTHER, alone=True
            ),
        ),
        pytest.param(
            {"encryption_key": "b" * 64},
            "fingerprint of ENCRYPTION_KEY",
            marks=pytest.mark.attack("change ENCRYPTION_KEY in the vault", layer="memory of data keys", message=OTHER),
        ),
        ({"salt": "salt-after", "encryption_key": "c" * 64}, "fingerprint of SALT and ENCRYPTION_KEY"),
    ],
)
def test_other_keys_are_refused_by_name_and_never_shown(changed: dict[str, str], named: str) -> None:
    evidence = green(DataKeysProvider, GIVEN)
    found = refused_after(DataKeysProvider, {**GIVEN, **changed}, evidence)
    assert (found.probe, found.seen) == (named, OTHER)
    assert "put the old value back" in found.fix


def test_the_memory_is_never_deleted() -> None:
    with pytest.raises(Exception, match="never deleted"):
        DataKeysProvider().delete("id", {})

"""What a script gets of the commands of a whole stack: one document on standard output, and no secret anywhere."""

import json

import pytest

from ops.redaction import of_state
from tests.e2e.stack import TestStack
from tests.e2e.test_rollback import export

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]

CALLS = [["status"], ["doctor"], ["members"], ["rotate"], ["up"], ["preview"], ["incident"]]
OF_THE_MACHINE = ["doctor"]
"""It may find the machine's own disk or memory short."""


@pytest.mark.parametrize("words", CALLS, ids=" ".join)
def test_a_script_gets_one_document_and_neither_it_nor_people_see_a_secret(stack: TestStack, words: list[str]) -> None:
    told = stack.script(*words)
    assert told.code == 0 or words == OF_THE_MACHINE, told.said
    secrets = {value for value in of_state(export(stack)) if len(value) > 20 and "@" not in value}
    assert len(secrets) >= 12
    assert not [value for value in secrets if value in f"{json.dumps(told.document)}{told.said}"]

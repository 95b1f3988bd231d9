"""docs/attacks.md says what the tests do."""

from pathlib import Path

import pytest

from tests.attacks import PAGE, attacks, page


def test_the_page_of_attacks_is_what_the_tests_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make attacks`"


def test_every_layer_is_named_and_every_message_can_be_looked_for() -> None:
    assert {"engine's protect", "delete hook", "plan gate", "policy pack", "retain_on_delete"} <= {
        attack.layer for attack in attacks()
    }
    assert all(attack.message.strip() and attack.name.strip() for attack in attacks())


def test_a_marker_without_a_message_is_an_error(tmp_path: Path) -> None:
    marked = "import pytest\n@pytest.mark.attack('x', layer='l', message='')\ndef test_x(): ...\n"
    (tmp_path / "test_x.py").write_text(marked)
    with pytest.raises(ValueError, match="a name, a layer and a message"):
        attacks(tmp_path)

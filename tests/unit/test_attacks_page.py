"""docs/attacks.md says what the tests do."""

from pathlib import Path

import pytest

from policy.rules import RULES
from tests.attacks import PAGE, attacks, page

WANTED = (
    *("remove a volume or bucket from", "remove the whole component", "rename data", "without an alias"),
    *("change an immutable input", "drop protect, keep the data", "drop protect and rename in one edit"),
    *("`state unprotect`, then remove", "`pulumi destroy`", "`pulumi destroy --run-program`"),
    *("`up` without the policy pack", "`up --target`", "`--ignore-protect`", "another provider"),
    *("refresh after the data vanished outside", "delete_before_replace on data", "regenerate SALT"),
    *("a second stack of the same names", "a second stack on the volumes", "`pulumi import` of a volume"),
    *("leave an `import_` option", "edit the program between preview and up", "a release downgrade"),
    *("schema setting that points to public", "whose migration drops a", "TRUNCATE as Langfuse's user"),
    *("DROP of a core table as Langfuse's user", "ALTER … DELETE as Langfuse's user", "in a foreign schema as Langf"),
    *("DeleteBucket with", "docker volume rm"),
    *("`docker volume rm` below a look-alike parent", "a reviewed command on a Docker stack", "mount a data volume"),
    *("mount the folder of all volumes", "plain runs without the pack: guards taken out, then a rename"),
    *("another `clickhouse:database`", "another project", "another database by `langfuse:extraEnv`", "an older server"),
    *("prod: remove a volume from", "prod: remove the whole component", "prod: rename a volume without alias"),
    *(
        "prod: rename a component's type",
        "prod: drop protect",
        "prod: shrink a volume",
        "prod: move a volume to another region",
    ),
    *("prod: change the name of an app", "prod: `state unprotect`, then remove", "prod: `pulumi destroy`"),
    *("`PULUMI_OPTION_TARGET`", "`PULUMI_OPTION_POLICY_PACK_CONFIG`", "`PULUMI_OPTION_CWD`", "`PULUMI_OPTION_REFRESH`"),
    *("`PULUMI_OPTION_TARGET_REPLACE`", "`PYTHONPATH`", "another terminal's preview", "edit the settings for as long"),
    *("plain `pulumi up` in the environment of `make shell`", "a store answers a gate that was given up"),
    *("another server on the port of a tunnel", "a cluster on another stack's volumes"),
    *("prod: `pulumi destroy --run-program`", "prod: remove the schema", "prod: another schema"),
    *("prod: `make up` and plain `pulumi up` from another machine", "another stack's keys and password"),
)
"""Attacks that may never be missing, by their names or the beginnings of these."""


@pytest.mark.parametrize("name", WANTED)
def test_no_way_to_lose_data_is_left_untried(name: str) -> None:
    assert [attack.name for attack in attacks() if name in attack.name]


def test_the_page_of_attacks_is_what_the_tests_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make attacks`"


def test_every_layer_has_an_attack_that_it_alone_stops() -> None:
    layers = {attack.layer for attack in attacks()}
    assert {"engine's protect", "delete hook", "plan gate", "retain_on_delete", "migration gate"} <= layers
    assert layers - {attack.layer for attack in attacks() if attack.alone} == set()


@pytest.mark.parametrize("rule", [rule.name for rule in RULES])
def test_every_rule_of_the_pack_is_attacked(rule: str) -> None:
    assert f"policy: {rule}" in {attack.layer for attack in attacks()}


def test_a_marker_without_a_message_is_an_error(tmp_path: Path) -> None:
    marked = "import pytest\n@pytest.mark.attack('x', layer='l', message='')\ndef test_x(): ...\n"
    (tmp_path / "test_x.py").write_text(marked)
    with pytest.raises(ValueError, match="a name, a layer and a message"):
        attacks(tmp_path)

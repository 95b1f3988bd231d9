"""How far a migration came, by what it leaves behind."""

from pathlib import Path

import pytest

from ops.doctor.rows.ledger import Step, progress, steps
from tests.unit.recorder import ROOT

MIGRATIONS = sorted((ROOT / "tests/standin/image/migrations/clickhouse").glob("*.up.sql"))
TWO = """
-- CREATE TABLE only_in_a_comment (a Int8);
CREATE TABLE IF NOT EXISTS one (a Int8) ENGINE = MergeTree ORDER BY a;
CREATE MATERIALIZED VIEW two TO one AS SELECT 1 AS a;
ALTER TABLE one ADD COLUMN IF NOT EXISTS b Int8, DROP INDEX IF EXISTS old;
DROP TABLE IF EXISTS gone
"""


def test_what_a_migration_leaves_behind_is_read_from_its_statements() -> None:
    assert steps(TWO) == [
        Step("one", there=True),
        Step("two", there=True),
        Step("one.b", there=True),
        Step("one.old", there=False),
        Step("gone", there=False),
    ]


@pytest.mark.parametrize(
    ("existing", "state"),
    [
        ({"one", "two", "one.b"}, "done"),
        ({"gone", "one.old"}, "not begun"),
        ({"one", "gone", "one.old"}, "half done"),
    ],
)
def test_no_single_rule_fits_a_dirty_version(existing: set[str], state: str) -> None:
    assert progress(steps(TWO), existing) == state


def test_what_is_dropped_and_made_again_counts_as_made() -> None:
    assert steps("DROP VIEW v; CREATE VIEW v AS SELECT 1") == [Step("v", there=True)]


@pytest.mark.parametrize("path", MIGRATIONS, ids=lambda path: path.name[:4])
def test_every_migration_but_a_change_of_types_leaves_something_to_look_up(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert steps(text) or "MODIFY" in text

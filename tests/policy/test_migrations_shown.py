"""`python -m ops migrations` on a set with a known mix, and what cannot be read."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops.commands import cli
from ops.session import OpsError
from policy.migrations import Existing, Live, MigrationsError, judge, read_approvals, read_folder
from tests.unit.recorder import ROOT

MIXED = ROOT / "tests" / "policy" / "mixed"
ON_EMPTY = {
    "20240101000000_init": "additive",
    "20240102000000_backfill": "net-additive",
    "20240103000000_drop_name": "net-additive",
    "20240104000000_sneaky": "destructive",
    "20240105000000_cte": "net-additive",
    "0001_traces.up.sql": "net-additive",
    "0002_add_user.up.sql": "net-additive",
    "0003_staging.up.sql": "net-additive",
    "0004_drop_traces.up.sql": "net-additive",
    "0005_unreadable.up.sql": "unknown",
    "0006_drop_database.up.sql": "destructive",
}
"""Without a server, ClickHouse's files are only looked through for other databases' names."""


def shown(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["migrations", *arguments], env={"COLUMNS": "80"})
    return result.exit_code, result.stdout


def test_each_file_of_a_known_mix_is_shown_with_its_verdict() -> None:
    code, printed = shown("--folder", str(MIXED), "--empty")
    rows = dict(re.findall(r"^(\S+) +(additive|net-additive|unknown|destructive) ", printed, re.MULTILINE))
    assert (code, rows) == (1, ON_EMPTY)
    assert "against empty databases" in printed
    assert "policy/approved-migrations.yaml" in printed
    assert max(len(line) for line in printed.split("\n20240104")[0].splitlines()) <= 80


def test_a_script_reads_the_same_as_json() -> None:
    code, printed = shown("--folder", str(MIXED), "--empty", "--json")
    content = json.loads(printed)
    assert (code, content["ok"], content["against"]) == (1, False, "empty databases")
    assert {entry["file"]: entry["verdict"] for entry in content["pending"]} == ON_EMPTY


def test_the_same_mix_over_data_blocks_what_takes_rows_away() -> None:
    models = Existing("table", 7, {"id": "text", "name": "text"})
    found = judge(read_folder(MIXED).postgres[1:], Live("langfuse", {"models": models}))
    assert {entry.file.name: entry.verdict.word for entry in found} == {
        "20240102000000_backfill": "net-additive",
        "20240103000000_drop_name": "destructive",
        "20240104000000_sneaky": "destructive",
        "20240105000000_cte": "destructive",
    }


def test_a_harmless_set_ends_well(tmp_path: Path) -> None:
    folder = shutil.copytree(MIXED, tmp_path / "set")
    for path in (*folder.rglob("000[2-6]*"), *folder.rglob("2024010[2-5]*/migration.sql")):
        path.unlink()
    code, printed = shown("--folder", str(folder), "--empty")
    assert (code, "destructive" in printed) == (0, False)


def test_neither_image_nor_folder_is_a_clear_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(*_: object) -> None:
        raise OpsError("no engine")

    monkeypatch.setattr("ops.migrations.open_session", unavailable)
    refused = CliRunner().invoke(cli, ["migrations"])
    assert (refused.exit_code, refused.stdout, refused.stderr) == (2, "", "error: no engine\n")


def remove(path: str) -> Callable[[Path], None]:
    return lambda folder: shutil.rmtree(folder / path)


def write(path: str, content: bytes) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / path).write_bytes(content)

    return damage


CLICKHOUSE = "clickhouse/migrations/unclustered"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (remove("prisma"), "no Postgres migrations"),
        (remove(CLICKHOUSE), "no ClickHouse migrations"),
        (write(f"{CLICKHOUSE}/0007_x.up.sql", b"\xff\xfe"), "cannot be read"),
        (write(f"{CLICKHOUSE}/0006_again.up.sql", b"SELECT 1"), "6: not NNNN_name.up.sql, once each"),
        (write(f"{CLICKHOUSE}/extra.sql", b"SELECT 1"), "extra.sql: not NNNN_name.up.sql"),
    ],
)
def test_a_damaged_folder_is_refused(tmp_path: Path, damage: Callable[[Path], None], message: str) -> None:
    folder = shutil.copytree(MIXED, tmp_path / "set")
    damage(folder)
    with pytest.raises(MigrationsError, match=re.escape(message)):
        read_folder(folder)
    refused = CliRunner().invoke(cli, ["migrations", "--folder", str(folder), "--empty"])
    assert refused.exit_code == 2
    assert message in refused.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Input should be"),
        ("approved: [1]", "approved.0"),
        ("approved: []\nother: 1", "other: Extra inputs are not permitted"),
        ("approved: [{sha256: abc, file: x, reason: long enough}]", "approved.0.sha256"),
        (f"approved: [{{sha256: '{'a' * 64}', file: x, reason: short}}]", "approved.0.reason"),
        ("approved: [", "cannot be read"),
    ],
)
def test_malformed_approvals_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "approved.yaml"
    path.write_text(text)
    with pytest.raises(MigrationsError, match=re.escape(message)):
        read_approvals(path)


def test_the_committed_approvals_are_readable() -> None:
    assert read_approvals() == []

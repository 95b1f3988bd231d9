"""What holds for all rows: they are unique, explained, and their fixes exist."""

import re

import pytest
from typer.testing import CliRunner

from components.releases import WRITE_MODE
from ops.commands import cli
from ops.doctor.page import page
from ops.doctor.report import generic
from ops.doctor.row import Row
from ops.doctor.rows import ROWS
from ops.upgrade.page import INTRODUCTION as UPGRADE
from settings.loading import known_keys
from tests.unit.recorder import ROOT

COMMAND = re.compile(r"`([^`]+)`")
SERVICES = {"clickhouse", "minio", "postgres", "redis", "langfuse-web", "langfuse-worker", "gateway", "<service>"}
DESTRUCTIVE = re.compile(r"\b(?:DROP|TRUNCATE|DELETE|RESET|rm -|prune|volume rm|down -v|FLUSH\w+)\b", re.IGNORECASE)


@pytest.fixture(params=ROWS, ids=lambda row: row.id)
def row(request: pytest.FixtureRequest) -> Row:
    found: Row = request.param
    return found


def test_ids_are_unique() -> None:
    assert len({row.id for row in ROWS}) == len(ROWS)


def test_a_row_can_be_seen_in_the_live_stack(row: Row) -> None:
    assert row.probe or (row.log_of and row.signatures)


def test_no_fix_takes_data_away(row: Row) -> None:
    assert not DESTRUCTIVE.search(row.fix.replace("never recreate", ""))


def test_the_commands_of_a_fix_exist(row: Row) -> None:
    targets = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for command in COMMAND.findall(generic(row.fix)):
        words = command.split()
        if words[0] == "make":
            assert words[1] in targets
        elif words[:2] == ["pulumi", "config"]:
            assert words[2] in {"set", "rm"}
            assert words[3] in known_keys()
        elif words[:3] == ["python", "-m", "ops"]:
            assert CliRunner().invoke(cli, [words[3], "--help"]).exit_code == 0
        elif words[0] == "docker":
            assert words[1] in {"exec", "restart", "logs"}
            assert words[2].removeprefix("langfuse-") in SERVICES
        elif command.startswith(("langfuse:", "gateway:")):
            assert command in known_keys()
        else:
            assert command in PLAIN_WORDS, command


def test_what_it_says_of_producers_is_what_the_upgrade_says() -> None:
    [row] = [entry for entry in ROWS if entry.id == "langfuse-legacy-producer"]
    said = re.findall(r"(Python|JS) SDK (\d\S*\d)", row.fix)
    assert said
    assert said == re.findall(r"(Python|JS) SDK (\d\S*\d)", UPGRADE.read_text(encoding="utf-8"))


def test_no_fix_goes_back_in_the_way_rows_are_written(row: Row) -> None:
    assert f"{WRITE_MODE}=" not in row.fix


PLAIN_WORDS = {"false", "pgbouncer=true", "?family=6", "redis-cli CONFIG RESETSTAT"}


def test_the_page_equals_the_rows() -> None:
    assert (ROOT / "docs/doctor.md").read_text(encoding="utf-8") == page(), (
        "run `python -m ops.doctor.page > docs/doctor.md`"
    )

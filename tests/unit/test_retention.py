"""A retention is shown and never applied: what is said, returned and refused, without servers."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from ops.commands import cli
from ops.retention import command
from ops.retention.buckets import Count, Prefix, prefix_of, rule
from ops.retention.clickhouse import Month, Table
from ops.retention.clickhouse import rule as ttl
from ops.retention.plan import Plan
from ops.retention.report import as_dict, show
from ops.retention.support import support
from ops.terminal import Console
from settings import Settings, load

TRACES = Table(
    "traces",
    "timestamp",
    [Month("2025-12", 123_456_789, 10**12, whole=True), Month("2026-01", 10, 1000, whole=False)],
    200_000_000,
    2 * 10**12,
)
PLAN = Plan(
    90,
    datetime(2026, 1, 2, tzinfo=UTC),
    [TRACES],
    [
        Prefix("langfuse-events", "langfuse-stack/", all=Count(2, 66), old=Count(2, 66)),
        Prefix("langfuse-events", "otel/ai-gateway/", Count(3_700_000, 10**12), Count(9, 90), Count(1, 5)),
    ],
)


@pytest.mark.parametrize(
    ("key", "prefix"),
    [
        ("otel/ai-gateway/2026/01/02/03/04/x.json", "otel/ai-gateway/"),
        ("ai-gateway/trace/t/e.json", "ai-gateway/trace/"),
        ("ai-gateway/media.png", "ai-gateway/"),
        ("top.txt", ""),
        ("langfuse-stack/marker", "langfuse-stack/"),
        ("langfuse-stack/a/b", "langfuse-stack/"),
        ("langfuse-stacks/a/b", "langfuse-stacks/a/"),
    ],
)
def test_a_key_belongs_to_its_first_two_folders_and_the_gates_marks_to_themselves(key: str, prefix: str) -> None:
    assert prefix_of(key) == prefix


def test_what_is_kept_counts_nowhere() -> None:
    assert (PLAN.rows, PLAN.size) == (123_456_799, 10**12 + 1000 + 95)


def test_the_rules_are_about_one_table_and_one_prefix_each() -> None:
    assert ttl("langfuse", TRACES, 90) == (
        "ALTER TABLE langfuse.traces MODIFY TTL toDateTime(timestamp) + INTERVAL 90 DAY DELETE"
    )
    assert rule(PLAN.prefixes[1], 90)["Filter"] == {"Prefix": "otel/ai-gateway/"}
    kept, other = as_dict(PLAN, [], "langfuse")["prefixes"]
    assert (kept["rule"], other["rule"]["Expiration"]) == (None, {"Days": 90})


def test_it_is_shown_at_80_columns_and_says_that_nothing_was_done() -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    show(PLAN, support(load({})), console)
    shown = console.export_text()
    assert max(map(len, shown.splitlines())) <= 80
    for part in ("Dry run", "123,456,789", "≈ 1.0 kB", "Not applied", "no release reads it", "kept: the gates"):
        assert part in shown


def given(**env: str) -> Settings:
    return load({"langfuse:extraEnv": json.dumps(env), "langfuse:deletions": "true"})


def test_what_the_release_supports_depends_on_a_licence_and_the_right_to_delete() -> None:
    assert [way.works for way in support(load({}))] == [False, False, False]
    assert [way.works for way in support(given())] == [False, False, False]
    assert [way.works for way in support(given(LANGFUSE_EE_LICENSE_KEY="x"))] == [True, True, False]
    project, _, runbook = support(load({}))
    assert "a licence" in project.here
    assert "langfuse:deletions" in project.here
    assert "LANGFUSE_RETENTION_DAYS" in runbook.way


def test_a_variable_that_is_given_in_vain_is_named_with_its_value() -> None:
    _, initial, runbook = support(given(LANGFUSE_RETENTION_DAYS="30", LANGFUSE_INIT_PROJECT_RETENTION="7"))
    assert initial.here.startswith("is 7 in `langfuse:extraEnv`; without a licence it is ignored")
    assert runbook.here == "is 30 in `langfuse:extraEnv`; no release reads it"


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    entries: list[Any] = []

    @contextmanager
    def access(_session: object) -> Iterator[Any]:
        yield SimpleNamespace(database="langfuse")

    @contextmanager
    def recorded(_session: object, action: str, facts: object) -> Iterator[None]:
        entries.append((action, facts))
        yield

    monkeypatch.setattr(command, "open_session", lambda *_: SimpleNamespace(settings=load({})))
    monkeypatch.setattr(command, "access", access)
    monkeypatch.setattr(command, "plan", lambda *_, **__: PLAN)
    monkeypatch.setattr(command, "recorded", recorded)
    return entries


def test_the_command_shows_the_plan_and_leaves_no_trace(logged: list[Any]) -> None:
    found = CliRunner().invoke(cli, ["retention", "--json"])
    assert (found.exit_code, logged) == (0, [])
    assert json.loads(found.stdout)["applied"] is False


def test_a_script_gets_the_plan_and_the_refusal_in_one_document(logged: list[Any]) -> None:
    found = CliRunner().invoke(cli, ["retention", "--apply", "--json"])
    told = json.loads(found.stdout)
    assert (found.exit_code, told["applied"], [action for action, _ in logged]) == (1, False, ["refused"])
    assert told["error"].startswith("a retention is not applied, and nothing was changed.")


def test_applying_it_shows_the_plan_is_refused_with_the_reason_and_logged(logged: list[Any]) -> None:
    found = CliRunner().invoke(cli, ["retention", "--apply", "--days", "30"])
    assert found.exit_code == 1
    assert "nothing was changed" in found.stderr
    assert "Dry run" in found.stdout
    [(action, facts)] = logged
    assert (action, facts["asked"]) == ("refused", "retention --apply")

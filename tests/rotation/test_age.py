"""How old each secret is, and the line that reminds of it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ops.rotation.age import Age, ages, reminder
from ops.session import Session
from ops.state import State
from settings.recorded import NOTHING

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    file = tmp_path / "settings.yaml"
    file.write_text("config:\n  langfuse-stack:rotations: {redis-password: 2}\n")
    return Session("local", {}, file, known=NOTHING)


def state(**made: str) -> State:
    resources = [
        {"urn": f"urn:pulumi:local::p::t::{name.replace('_', '-')}", "created": created, "outputs": {}}
        for name, created in made.items()
    ]
    return State({"deployment": {"resources": resources}})


def by_name(found: list[Age]) -> dict[str, Age]:
    return {age.secret: age for age in found}


def test_age_counts_from_when_the_generation_in_use_was_made(session: Session) -> None:
    known = state(redis_password="2025-01-01T00:00:00Z", redis_password_2="2026-06-20T11:00:00.123456Z")
    age = by_name(ages(session, known, NOW))["redis-password"]
    assert (age.generation, age.days, age.due) == (2, 10, False)


def test_what_nobody_has_recorded_has_no_age(session: Session) -> None:
    assert {age.days for age in ages(session, state(), NOW)} == {None}


def test_a_quarter_is_due_and_the_oldest_is_named_first(session: Session) -> None:
    known = state(
        nextauth_secret="2026-04-01T00:00:00Z",
        gateway_master_key="2026-03-01T00:00:00Z",
        redis_password_2="2026-06-20T00:00:00Z",
    )
    line = reminder(ages(session, known, NOW), 90)
    assert "gateway-master-key (121 days), nextauth-secret (90 days)" in line
    assert "`python -m ops rotate gateway-master-key`" in line
    assert "redis-password" not in line


def test_with_nothing_due_the_line_says_how_old_the_oldest_is(session: Session) -> None:
    line = reminder(ages(session, state(nextauth_secret="2026-06-01T00:00:00Z"), NOW), 90)
    assert line == "Secrets   oldest rotatable one 29 days, due after 90"

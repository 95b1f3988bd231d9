"""An upgrade whose migrations would take rows away never boots, in the whole stack as the operator drives it."""

import pytest

from tests.e2e.stack import TestStack

pytestmark = [pytest.mark.e2e, pytest.mark.soak, pytest.mark.timeout(1800)]

ROW = "INSERT INTO langfuse.traces (id, project_id) VALUES ('kept', 'p')"


def psql(stack: TestStack, statement: str) -> str:
    return stack.docker(
        "exec", stack.container("postgres"), "psql", "-U", "postgres", "-d", "postgres", "-Atc", statement
    )


@pytest.mark.attack(
    "an upgrade whose migration drops a table that holds rows", layer="migration gate", message="is destructive, sha256"
)
def test_an_upgrade_that_would_drop_rows_is_stopped_before_the_new_web_boots(fresh: TestStack) -> None:
    run = fresh.ops("up")
    assert run.code == 0, run.output
    assert fresh.outputs()["checks"]["migration-gate"]
    web = fresh.docker("inspect", "--format", "{{.Image}}", fresh.container("langfuse-web"))
    psql(fresh, ROW)
    fresh.run_on_an_old_clickhouse()
    fresh.configure(langfuse__release="4")
    refused = fresh.ops("up")
    assert (refused.code, "`python -m ops upgrade --apply`" in refused.output) == (1, True), refused.output
    fresh.configure(**{"langfuse-stack__upgrading": True})
    stopped = fresh.ops("up")
    assert stopped.code == 1
    assert "20260723150000_drop_legacy_tracing_tables is destructive, sha256" in stopped.output
    assert "traces, 1 rows" in stopped.output
    assert fresh.docker("inspect", "--format", "{{.Image}}", fresh.container("langfuse-web")) == web
    assert psql(fresh, "SELECT id FROM langfuse.traces") == "kept"
    shown = fresh.ops("migrations", "--json")
    assert shown.code == 1
    assert [entry["file"] for entry in shown.json["pending"] if entry["verdict"] == "destructive"] == [
        "20260723150000_drop_legacy_tracing_tables"
    ]
    assert shown.json["against"] == "the databases of stack test"


@pytest.mark.attack(
    "an older database put back under a newer web, which starts again",
    layer="migration gate",
    message="is destructive, sha256",
)
def test_an_older_database_that_was_put_back_is_not_migrated_by_a_web_that_starts_again(fresh: TestStack) -> None:
    run = fresh.ops("up")
    assert run.code == 0, run.output
    in_postgres = ("exec", "--user", "postgres", fresh.container("postgres"))
    fresh.docker(*in_postgres, "pg_dump", "--dbname=postgres", "--schema=langfuse", "--file=/tmp/older.sql")
    fresh.run_on_an_old_clickhouse()
    fresh.configure(langfuse__release="4", **{"langfuse-stack__upgrading": True})
    upgraded = fresh.ops("up")
    assert upgraded.code == 0, upgraded.output
    # As the superuser, without the event trigger that refuses drops.
    put_back = ("SET session_replication_role = replica", "DROP SCHEMA langfuse CASCADE")
    commands = [f"--command={command}" for command in put_back]
    fresh.docker(
        *(*in_postgres, "psql", "--dbname=postgres", "--set=ON_ERROR_STOP=1", *commands, "--file=/tmp/older.sql")
    )
    psql(fresh, ROW)
    fresh.configure(langfuse__logLevel="debug")
    stopped = fresh.ops("up")
    assert stopped.code == 1, stopped.output
    assert "20260723150000_drop_legacy_tracing_tables is destructive, sha256" in stopped.output
    assert "traces, 1 rows" in stopped.output
    assert psql(fresh, "SELECT id FROM langfuse.traces") == "kept"

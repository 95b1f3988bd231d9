"""A stack with data goes from release 3 to release 4, step by step, by the commands that an operator types."""

import json
import stat
from functools import partial
from typing import Any

import httpx
import pytest

from checks.base import CheckFailedError, until_healthy
from checks.trace import answered
from components.releases import RELEASES
from policy.inventories import numbers
from tests.e2e.stack import Run, TestStack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]

FOUR = RELEASES["4"].version
OLD_PATH, NEW_PATH = "/api/public/traces/{}", "/api/public/v2/observations?traceId={}"


def verdict(run: Run) -> tuple[int, str, str | None, list[str], bool]:
    found = run.json
    step = found["step"]["id"] if found["step"] else None
    return run.code, found["verdict"], step, [entry["rule"] for entry in found["refusals"]], found["ready"]


def api(stack: TestStack, path: str) -> httpx.Response:
    outputs = stack.outputs()
    url = f"http://127.0.0.1:{stack.config['langfuse:webPort']}{path}"
    keys = (outputs["langfuse_public_key"], outputs["langfuse_secret_key"])
    return httpx.get(url, auth=keys, timeout=20, trust_env=False)


def read(stack: TestStack, path: str, trace: str) -> Any:
    """What a path says of a trace, waited for."""
    outputs = stack.outputs()
    url = f"http://127.0.0.1:{stack.config['langfuse:webPort']}{path.format(trace)}"
    keys = (outputs["langfuse_public_key"], outputs["langfuse_secret_key"])
    return until_healthy(lambda: answered("GET", url, "", auth=keys), deadline_seconds=30)


def new_trace(stack: TestStack) -> str:
    smoke = stack.ops("smoke", "--json")
    assert smoke.code == 0, smoke.output
    return str(smoke.json["hops"][-1]["seen"].split()[-1])


def done(run: Run) -> Run:
    assert run.code == 0, run.output
    return run


@pytest.mark.soak
def test_a_stack_that_is_where_it_shall_be_has_nothing_to_upgrade(stack: TestStack) -> None:
    run = stack.ops("upgrade", "--json")
    assert verdict(run) == (0, "nothing to do", None, [], False), run.output
    live = run.json["live"]
    assert live["shape"]["version"] == RELEASES["3"].version
    assert live["clickhouse_ledger"] == {"version": 37, "dirty": False}
    assert live["postgres_ledger"]["unfinished"] == []
    unknown = stack.ops("upgrade", "--to", "5.0.0")
    assert unknown.code == 1
    assert "release-unknown" in unknown.output
    assert stack.ops("upgrade", "--to", "latest").code == 2


def test_a_stack_that_was_never_put_up_cannot_be_looked_at(fresh: TestStack) -> None:
    for options in ((), ("--apply",)):
        run = fresh.script("upgrade", *options)
        assert run.code == 2
        assert "there is no stack" in run.document["error"]


@pytest.mark.soak
def test_a_stack_with_data_goes_from_release_3_to_4_and_every_trace_stays_readable(fresh: TestStack) -> None:
    done(fresh.ops("up"))
    first, second = new_trace(fresh), new_trace(fresh)
    plan_before_anything_is_changed(fresh)
    refuse_what_is_not_next(fresh)
    to_dual(fresh, first, second)
    between = new_trace(fresh)
    copy(fresh, first, second)
    cut_over(fresh, first, second, between)
    no_way_back(fresh)


def plan_before_anything_is_changed(stack: TestStack) -> None:
    run = stack.ops("upgrade", "--to", FOUR, "--json")
    clickhouse = run.json["live"]["shape"]["clickhouse"]
    old = numbers(clickhouse)[:2] < RELEASES["4"].clickhouse_floor
    if old:
        assert verdict(run) == (0, "legal", "clickhouse", [], False), run.output
        stack.run_on_an_old_clickhouse()
        run = stack.ops("upgrade", "--to", FOUR, "--json")
    assert verdict(run) == (1, "refused", "release", ["no-backup"], False), run.output
    assert run.json["goal"]["image"]["clickhouse"] == 46
    assert [step["id"] for step in run.json["then"]] == ["backfill", "cutover"]
    early = stack.ops("upgrade", "--to", FOUR, "--apply")
    assert early.code == 1
    assert "the settings do not ask for the next step yet" in early.output
    assert "pulumi config set langfuse:writeMode dual" in early.output


def refuse_what_is_not_next(stack: TestStack) -> None:
    stack.configure(langfuse__release="4")
    refused = stack.ops("upgrade", "--apply")
    assert refused.code == 1
    assert "not-next" in refused.output
    assert "(events_only)" in refused.output
    assert api(stack, "/api/public/health").json()["version"].startswith("3.")
    assert actions(stack)[-1] == "refused"


def to_dual(stack: TestStack, *traces: str) -> None:
    stack.configure(langfuse__writeMode="dual", langfuse__backfill=False)
    applied = done(stack.ops("upgrade", "--apply", "--rehearse"))
    assert "no table has fewer rows" in applied.output
    assert "older traces are read back" in applied.output
    assert api(stack, "/api/public/health").json()["version"].startswith("4.")
    for trace in traces:
        assert read(stack, OLD_PATH, trace)["id"] == trace
        assert api(stack, NEW_PATH.format(trace)).json()["data"] == []
    evidence(stack)


def evidence(stack: TestStack) -> None:
    line = decisions(stack)[-1]
    assert (line["action"], line["result"], line["step"]) == ("upgrade", "ok", "release")
    assert line["checkpoint"]["rehearsed_seconds"] > 0
    folder = stack.folder / "artifacts" / line["run"]
    state = folder / "state.json"
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    assert "plaintext" not in state.read_text()
    assert json.loads(state.read_text())["deployment"]["resources"]
    listed = done(stack.ops("backup", "--list", "--json")).json["backups"]
    assert listed[-1]["id"] == line["checkpoint"]["backup"]
    assert listed[-1]["manifest"]["clickhouse"]["ledger"] == 37
    assert done(stack.ops("evidence", "--json")).json["problems"] == []


def copy(stack: TestStack, *traces: str) -> None:
    run = stack.ops("upgrade", "--json")
    assert verdict(run) == (0, "legal", "backfill", [], False), run.output
    del stack.config["langfuse:backfill"]
    stack.configure()
    done(stack.ops("upgrade", "--apply"))
    for trace in traces:
        until_healthy(partial(found, stack, trace), deadline_seconds=60)


def cut_over(stack: TestStack, *traces: str) -> None:
    run = stack.ops("upgrade", "--json")
    assert verdict(run) == (0, "legal", "cutover", [], False), run.output
    del stack.config["langfuse:writeMode"]
    stack.configure()
    applied = stack.script("upgrade", "--apply")
    assert (applied.code, applied.document["applied"]) == (0, True), applied.said
    assert applied.document["step"]["id"] == "cutover"
    for trace in traces:
        assert found(stack, trace)
        assert api(stack, OLD_PATH.format(trace)).status_code == 404


def no_way_back(stack: TestStack) -> None:
    assert verdict(stack.ops("upgrade", "--json")) == (0, "nothing to do", None, [], False)
    stack.configure(langfuse__writeMode="dual")
    assert verdict(stack.ops("upgrade", "--json"))[3] == ["write-mode-backwards"]
    del stack.config["langfuse:writeMode"]
    stack.configure(langfuse__release="3")
    assert verdict(stack.ops("upgrade", "--json"))[3] == ["downgrade", "downgrade"]


def found(stack: TestStack, trace: str) -> list[Any]:
    data: list[Any] = read(stack, NEW_PATH, trace)["data"]
    if not data:
        raise CheckFailedError(NEW_PATH, "nothing yet", "")
    return data


def decisions(stack: TestStack) -> list[dict[str, Any]]:
    log = stack.folder / "artifacts" / "decision-log.jsonl"
    return [json.loads(line) for line in log.read_text().splitlines()]


def actions(stack: TestStack) -> list[str]:
    return [line["action"] for line in decisions(stack)]

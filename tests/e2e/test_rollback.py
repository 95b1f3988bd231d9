"""Rollback and its undo, stop and start, incidents: nothing is lost or shown, all of it leaves evidence."""

import json
import stat
import tarfile
from pathlib import Path
from typing import Any

import psycopg
import pytest

from checks import bucket
from checks.base import CheckFailedError
from checks.trace import Gateway, PublicApi, new_user_id
from evidence import redact
from ops.decisions import LOG
from ops.redaction import of_state
from ops.state import State
from tests.e2e.stack import TestStack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]

DATA = ("random:", "docker:index/volume:", "checks:Bucket", "checks:LangfuseSchema", "checks:AppKey")


def export(stack: TestStack) -> State:
    return State(stack.shell("pulumi", "stack", "export", "--show-secrets", "--stack", "test").json)


def admin_url(state: State) -> str:
    url = json.loads(state.resource("langfuse-schema")["inputs"]["admin_url"]["plaintext"])
    return str(url).partition("?")[0]


def inventory(stack: TestStack) -> dict[str, Any]:
    """Everything that must never go: volumes, buckets, schemas, names of secrets."""
    state = export(stack)
    store = bucket.client(*(str(state.output("minio-gate", name)) for name in ("endpoint", "access_key", "secret_key")))
    with psycopg.connect(admin_url(state)) as db:
        schemas = db.execute("SELECT nspname FROM pg_namespace ORDER BY nspname").fetchall()
    return {
        "volumes": stack.names("volume"),
        "containers": stack.names("container"),
        "data": sorted(entry["urn"] for entry in state.resources if any(kind in entry["type"] for kind in DATA)),
        "buckets": {name: store.bucket_exists(name) for name in state.output("minio-gate", "buckets")},
        "schemas": [name for (name,) in schemas if not name.startswith("pg_t")],
    }


def decisions(stack: TestStack) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (stack.folder / "artifacts" / LOG).read_text().splitlines()]


def gateway_and_api(stack: TestStack) -> tuple[Gateway, PublicApi]:
    state = export(stack)
    api = (str(state.output("end-to-end-proof", name)) for name in ("url", "public_key", "secret_key", "find_path"))
    gateway = (str(state.output("end-to-end-proof", name)) for name in ("gateway_url", "master_key"))
    return Gateway(*gateway), PublicApi(*api)


@pytest.mark.soak
def test_rollback_takes_langfuse_out_of_the_gateway_and_undo_puts_it_back(stack: TestStack) -> None:
    before = inventory(stack)
    try:
        stack.docker("stop", stack.container("langfuse-web"))  # as in the incident that asks for it
        off = stack.ops("rollback", "--note", "errors rise")
        assert off.code == 0, off.output
        assert "+-1 replaced" in off.output
        assert "SWITCHED gateway:tracing is held at false" in off.output
        stack.ops("start", "langfuse-web")

        assert inventory(stack) == before
        env = stack.docker("inspect", "--format", "{{json .Config.Env}}", stack.container("gateway"))
        assert "LANGFUSE" not in env
        gateway, api = gateway_and_api(stack)
        untraced = new_user_id()
        assert gateway.call_smoke(untraced) == "pong"
        assert stack.ops("status", "--json").json["switches"][0]["key"] == "gateway:tracing"
        preview = ("pulumi", "preview", "--expect-no-changes", "--config-file", str(plain_copy(stack)), "-s", "test")
        plain = stack.shell(*preview)
        assert plain.code == 0, plain.output
        assert "gateway:tracing is held at false" in plain.output
    finally:
        on = stack.ops("rollback", "--undo")
    assert on.code == 0, on.output
    assert "read back by the API" in on.output
    assert inventory(stack) == before
    with pytest.raises(CheckFailedError, match="no trace"):
        api.find_trace(untraced)
    done = [line["action"] for line in decisions(stack)]
    assert [action for action in done if action in {"rollback", "undo"}][-2:] == ["rollback", "undo"]


@pytest.mark.soak
def test_an_undo_where_nothing_was_rolled_back_changes_nothing(stack: TestStack) -> None:
    again = stack.ops("rollback", "--undo")
    assert again.code == 0
    assert not any(word in again.output for word in ("created", "updated", "replaced", "deleted"))
    assert decisions(stack)[-1]["action"] == "undo"


def plain_copy(stack: TestStack) -> Path:
    copy = stack.folder / "plain.yaml"
    copy.write_text(stack.config_file.read_text())
    return copy


def test_a_stopped_service_stays_stopped_keeps_its_data_and_comes_back(stack: TestStack) -> None:
    before = inventory(stack)
    try:
        assert stack.ops("stop", "clickhouse").code == 0
        twice = stack.ops("stop", "clickhouse")
        assert (twice.code, "is stopped already" in twice.output) == (0, True)
        services = {entry["service"]: entry for entry in stack.ops("status", "--json").json["services"]}
        assert services["clickhouse"]["state"] == "exited"

        bundle = incident(stack, "clickhouse was stopped")
        assert "Connection refused" in bundle["findings.txt"]
        assert "exited" in bundle["services.json"]
        assert {name for name in bundle if name.startswith("logs/")} == {f"logs/{name}.log" for name in services}
    finally:
        started = stack.ops("start", "clickhouse")
    assert started.code == 0, started.output
    assert inventory(stack) == before
    smoke = stack.ops("smoke", "--json")
    assert smoke.json["ok"] is True


def incident(stack: TestStack, note: str) -> dict[str, str]:
    """Files of a new bundle."""
    run = stack.ops("incident", "--note", note)
    assert run.code == 0, run.output
    line = decisions(stack)[-1]
    assert (line["action"], line["note"], line["missing"]) == ("incident_recorded", note, {})
    [name] = line["evidence"]
    path = stack.folder / "artifacts" / name
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with tarfile.open(path) as archive:
        members = {member.name.partition("/")[2]: archive.extractfile(member) for member in archive if member.isfile()}
        return {name: file.read().decode() for name, file in members.items() if file}


def test_an_incident_of_a_stack_that_is_not_there_says_what_could_not_be_gathered(fresh: TestStack) -> None:
    run = fresh.ops("incident")
    assert run.code == 0, run.output
    [line] = decisions(fresh)
    assert {"state", "logs"} <= set(line["missing"])
    assert "not gathered state" in run.output
    assert "Traceback" not in run.output


def test_a_service_that_is_none_is_refused_with_those_there_are(stack: TestStack) -> None:
    run = stack.ops("stop", "clickhose")
    assert run.code == 1
    assert "use one of cache, clickhouse, gateway" in run.output
    assert "Traceback" not in run.output


def test_no_secret_is_in_any_evidence_in_any_spelling(stack: TestStack) -> None:
    """Bundles and records as they are after all that the tests of this stack did."""
    incident(stack, "a look at everything")
    secrets = {value for value in of_state(export(stack)) if len(value) > 20 and "@" not in value}
    assert len(secrets) >= 12
    texts = {}
    for path in (stack.folder / "artifacts").rglob("*"):
        if path.suffix == ".gz":
            with tarfile.open(path) as archive:
                files = [file for member in archive if (file := archive.extractfile(member))]
                texts[str(path)] = "\n".join(file.read().decode() for file in files)
        elif path.is_file():
            texts[str(path)] = path.read_text()
    assert len(texts) > 10
    assert not [name for name, text in texts.items() if redact(text, secrets) != text]


def test_the_evidence_of_everything_done_verifies_and_names_what_was_taken_away(stack: TestStack) -> None:
    found = stack.ops("evidence", "--json", "--all")
    assert (found.code, found.json["problems"]) == (0, [])
    first = found.json["entries"][0]
    assert (first["action"], first["result"]) == ("langfuse_self_host_executed", "ok")
    gate = next((stack.folder / "artifacts" / first["run"]).glob("*-gate-clickhouse.json"))
    away = gate.rename(stack.folder / gate.name)
    try:
        missing = stack.ops("evidence", "--json")
    finally:
        away.rename(gate)
    assert missing.code == 1
    assert missing.json["problems"] == [{"where": f"{first['run']}/{gate.name}", "what": "is missing"}]

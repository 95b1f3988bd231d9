"""Stack `prod`, whole: the real engine and plugins, the real stores, and a fake `fly` that runs real containers."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.gateway import CONFIG_FILE
from ops.decisions import LOG
from tests.e2e.stack import Run
from tests.fly import leaks
from tests.fly.ailments import AILMENTS, Ailment
from tests.fly.fake.containers import docker
from tests.fly.rehearsal import APPS, READS, VOLUMES, Rehearsal, rehearsal

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

PHASES = [
    *("clickhouse-gate", "minio-gate", "postgres-gate", "langfuse-web-gate", "langfuse-worker-gate", "relay-gate"),
    "gateway-gate",
]
CLICKHOUSE, MINIO, WEB, WORKER, RELAY, RELAY_PROXY, GATEWAY = APPS


@dataclass(frozen=True)
class Up:
    """A first `up`, and what was seen of it from outside."""

    prod: Rehearsal
    run: Run
    command_lines: set[str]
    """Of every process on the machine since before the run; goes on growing."""


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with rehearsal(tmp_path_factory.mktemp("prod")) as prod, leaks.command_lines() as seen:
        yield Up(prod, prod.ops("up"), seen)


def test_a_first_up_proves_every_phase_and_ends_with_a_trace(first: Up) -> None:
    assert first.run.code == 0, first.run.output
    outputs = json.loads(first.prod.shell("pulumi", "stack", "output", "--json", "--stack", "test").output)
    assert set(outputs["checks"].values()) == {"ok"}
    assert outputs["langfuse_url"] == first.prod.vault["LANGFUSE_HOST"]
    assert outputs["gateway_url"] == "http://hotdash-llm-gateway.internal:4000"
    assert "✓ read back by the API" in first.run.output


def test_phases_run_one_after_the_other(first: Up) -> None:
    resources = first.prod.export()["deployment"]["resources"]
    created = {entry["urn"].rpartition("::")[2]: datetime.fromisoformat(entry["created"]) for entry in resources}
    assert list(PHASES) == sorted(PHASES, key=lambda name: created[name])
    deployed = [call["argv"][call["argv"].index("-a") + 1] for call in first.prod.calls() if call["verb"] == "deploy"]
    assert deployed == list(APPS)


def test_its_evidence_is_complete_and_verifies(first: Up) -> None:
    artifacts = first.prod.stack.folder / "artifacts"
    entry = json.loads((artifacts / LOG).read_text().splitlines()[0])
    assert (entry["action"], entry["result"], entry["stack"]) == ("langfuse_self_host_executed", "ok", "test")
    assert set(PHASES) < entry["checks"].keys()
    assert set(entry["gates"].values()) == set(entry["checks"].values()) == {"ok"}
    assert entry["release"]
    assert {"clickhouse", "minio", "litellm", "langfuse-web", "langfuse-worker"} < entry["images"].keys()
    records = [json.loads((artifacts / name).read_text()) for name in entry["evidence"]]
    made = [record["argv"] for record in records if record.get("kind") == "command" and record["argv"][0] == "fly"]
    changes = [["fly", *call["argv"]] for call in first.prod.calls() if call["writes"]][: 4 * len(APPS) + 2]
    assert [argv for argv in made if argv in changes] == changes
    assert first.prod.ops("evidence", "--json").json["problems"] == []


def test_each_app_gets_its_secrets_before_its_volume_and_its_volume_before_its_deployment(first: Up) -> None:
    order = ["apps create", "secrets import", "volumes create", "deploy"]
    for app in APPS:
        writes = [call["verb"] for call in first.prod.calls() if call["writes"] and app in call["argv"]]
        assert list(dict.fromkeys(writes)) == [verb for verb in order if verb in writes], app


@pytest.mark.attack(
    "prod: `make up` and plain `pulumi up` from another machine with an empty state, which would stage new keys",
    layer="owner's mark",
    message="is of stack",
    alone=True,
)
def test_a_second_engineer_without_state_and_keys_is_refused_before_anything_is_staged(
    first: Up, tmp_path: Path
) -> None:
    """The vault has neither SALT nor ENCRYPTION_KEY, so this state would make others."""
    prod = first.prod
    own = {"LANGFUSE_STACK_STATE": str(tmp_path / "state"), "LANGFUSE_STACK_ARTIFACTS": str(tmp_path / "artifacts")}
    second = replace(prod, variables={**prod.variables, **own})
    before, calls = prod.kept(), len(prod.calls())
    settings = tmp_path / "settings.yaml"
    settings.write_text(prod.stack.config_file.read_text())
    plain = ("pulumi", "up", "--yes", "--skip-preview", "--stack", "test", "--config-file", str(settings))
    for run in (second.ops("preview"), second.ops("up"), second.ops("adopt", "--apply"), second.shell(*plain)):
        assert run.code != 0, run.output
        assert "is of stack" in run.output
        assert "STACK_ID, SALT" in " ".join(run.output.split())
    assert not [call["verb"] for call in prod.calls()[calls:] if call["writes"]]
    assert prod.kept() == before
    assert prod.foreign("SELECT count(*) FROM pg_roles WHERE rolname = 'langfuse'") == "1"


def test_a_lost_state_is_not_taken_over_with_the_right_id_and_other_keys(first: Up, tmp_path: Path) -> None:
    prod = first.prod
    names = prod.cloud()["secrets"][CLICKHOUSE]
    [owner] = [name.removeprefix("OWNED_BY_STACK_").lower() for name in names if name.startswith("OWNED_BY_STACK_")]
    own = {"LANGFUSE_STACK_STATE": str(tmp_path / "state"), "LANGFUSE_STACK_ARTIFACTS": str(tmp_path / "artifacts")}
    second = replace(prod, variables={**prod.variables, **own})
    before, calls = prod.kept(), len(prod.calls())
    try:
        prod.write_vault(STACK_ID=owner, SALT="another", ENCRYPTION_KEY="ab" * 32)
        for command in ("preview", "up"):
            run = second.ops(command)
            assert run.code == 1, run.output
            assert "its data was written with another SALT, another ENCRYPTION_KEY, or both" in run.output
    finally:
        prod.write_vault()
    assert not [call["verb"] for call in prod.calls()[calls:] if call["writes"]]
    assert prod.kept() == before


def test_there_is_one_of_everything(first: Up) -> None:
    assert first.prod.inventory() == {
        "apps": sorted(APPS),
        "machines": sorted(APPS),
        "volumes": [f"{app}/{volume}" for app, volume in VOLUMES.items()],
    }


def test_only_web_has_an_address_on_the_internet(first: Up) -> None:
    public = {app for app, addresses in first.prod.cloud()["ips"].items() if addresses}
    assert public == {"hotdash-langfuse-web"}


def test_other_peoples_schema_is_untouched_and_ours_is_there(first: Up) -> None:
    assert first.prod.foreign("SELECT count(*) FROM app.customers") == "3"
    owner = "SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'langfuse'"
    assert first.prod.foreign(owner) == "langfuse"


def test_a_second_up_changes_nothing_and_only_reads(first: Up) -> None:
    before = len(first.prod.calls())
    run = first.prod.ops("up")
    assert run.code == 0, run.output
    assert re.search(r"\d+ unchanged", run.output)
    assert not any(word in run.output for word in (" created", " updated", " replaced", " deleted"))
    assert {call["verb"] for call in first.prod.calls()[before:]} <= READS


def states(prod: Rehearsal) -> dict[str, str]:
    """App to the state of its machine."""
    return {machine["app"]: machine["state"] for machine in prod.cloud()["machines"].values()}


def test_a_store_is_stopped_and_started_again_with_all_it_has(first: Up) -> None:
    prod = first.prod
    before = prod.kept()
    try:
        assert prod.ops("stop", "minio").code == 0
        assert [app for app, state in states(prod).items() if state != "started"] == [MINIO]
    finally:
        started = prod.ops("start", "minio")
    assert started.code == 0, started.output
    assert set(states(prod).values()) == {"started"}
    assert prod.kept() == before


def incident(prod: Rehearsal) -> dict[str, str]:
    """Name to text of every file in a new bundle."""
    place = prod.stack.folder / "artifacts" / "incidents"
    known = leaks.files(place).keys()
    run = prod.ops("incident", "--note", "a look at everything")
    assert run.code == 0, run.output
    return {Path(path).name: text for path, text in leaks.files(place).items() if path not in known}


def test_an_incident_is_bundled_with_the_log_of_every_app(first: Up) -> None:
    before = first.prod.kept()
    bundle = incident(first.prod)
    services = json.loads(bundle["services.json"])
    assert {entry["detail"]["app"] for entry in services.values()} == set(APPS)
    assert {f"{service}.log" for service in services} < bundle.keys()
    assert bundle["findings.txt"] == "every service answers its key"
    facts = json.loads(bundle["platform.json"])
    assert facts["clickhouse"]["volumes"][0]["name"] == "langfuse_clickhouse_data"
    assert json.loads(bundle["incident.json"])["missing"] == {}
    assert first.prod.kept() == before


def findings(run: Run) -> dict[str, Any]:
    """Row to what the doctor says of it, where it is a finding; the machine's own disk may be full."""
    found = {row["id"]: row for row in run.json["rows"] if row["verdict"] == "finding"}
    assert run.code == bool(found), run.output
    return {row: finding for row, finding in found.items() if row != "clickhouse-disk"}


def test_the_doctor_finds_nothing_in_a_new_stack_and_only_looks(first: Up) -> None:
    before = len(first.prod.calls())
    run = first.prod.ops("doctor", "--json")
    assert findings(run) == {}, run.output
    others = {row["id"]: row["verdict"] for row in run.json["rows"] if row["verdict"] not in {"healthy", "finding"}}
    assert set(others.values()) == {"not applicable"}
    assert {"clickhouse-cluster-definition", "clickhouse-replicas", "store-external-endpoint"} <= others.keys()
    told = run.json["environment"]
    assert told["langfuse-web"]["SALT"] == told["langfuse-worker"]["SALT"] == "… (64 characters)"
    assert not {"PATH", "FLY_APP_NAME", "PRIMARY_REGION"} & told["langfuse-web"].keys()
    assert not {name for env in told.values() for name in env if name.startswith("FILE_")}
    assert {call["verb"] for call in first.prod.calls()[before:]} <= READS | {"ssh console"}
    assert not leaks.found({"output": run.output}, leaks.canaries(first.prod.vault))


def test_no_secret_of_the_vault_is_found_anywhere(first: Up) -> None:
    """After everything that was done with the stack so far."""
    prod = first.prod
    preview = prod.shell(
        *("pulumi", "preview", "--json", "--stack", "test", "--config-file", str(_copy(prod)), "--diff"),
    )
    assert preview.code == 0, preview.output
    state = prod.export()
    places = {
        "output of up": first.run.output,
        "preview": preview.output,
        "state": json.dumps(state),
        "decoded state": leaks.decoded(state),
        "command lines": "\n".join(first.command_lines),
        "calls of fly": json.dumps(prod.calls()),
    }
    for folder in (prod.stack.folder / "state", prod.stack.folder / "build", prod.stack.folder / "artifacts"):
        places |= leaks.files(folder)
    planted = leaks.canaries(prod.vault)
    assert len(planted) == 7
    assert not leaks.found(places, planted)
    transcripts = [json.loads(text) for place, text in places.items() if re.search(r"artifacts/.*-command-fly", place)]
    assert 0 in {entry["exit_code"] for entry in transcripts}, "no transcripts were looked at"
    assert any("tar.gz" in place for place in places), "no bundle was looked at"
    assert "CheckProvider" in places["decoded state"] or "checks." in places["decoded state"], "nothing was decoded"
    assert any("platforms.fly" in line for line in first.command_lines), "nothing was watched"


def _copy(prod: Rehearsal) -> Path:
    """Settings for plain Pulumi, which writes its salt into them."""
    path = prod.stack.folder / "plain.yaml"
    path.write_text(prod.stack.config_file.read_text())
    return path


def callbacks(prod: Rehearsal) -> list[str]:
    """Where the running gateway sends what it serves."""
    config = yaml.safe_load(docker("exec", f"{prod.prefix}-{GATEWAY}", "cat", CONFIG_FILE))
    return list(config["litellm_settings"]["callbacks"])


@pytest.mark.soak
@pytest.mark.parametrize("ailment", AILMENTS, ids=lambda ailment: ailment.name)
def test_the_doctor_finds_what_is_broken_and_nothing_once_its_fixes_are_followed(first: Up, ailment: Ailment) -> None:
    prod, seen = first.prod, dict[str, Any]()
    try:
        ailment.fall(prod)
        sick = prod.ops("doctor", "--json")
        seen = findings(sick)
    finally:
        ailment.recover(prod, {row: finding["fix"] for row, finding in seen.items()})
    assert seen.keys() == ailment.rows.keys(), sick.output
    assert {row: part for row, part in ailment.rows.items() if part not in seen[row]["evidence"]} == {}
    assert not any("docker" in finding["fix"] for finding in seen.values())
    assert "canary" not in sick.output
    well = prod.ops("doctor", "--json")
    assert findings(well) == {}, well.output


@pytest.mark.soak
def test_an_incident_of_a_store_that_is_down_names_it_and_gathers_the_rest(first: Up) -> None:
    try:
        assert first.prod.ops("stop", "clickhouse").code == 0
        bundle = incident(first.prod)
    finally:
        started = first.prod.ops("start", "clickhouse")
    assert started.code == 0, started.output
    assert CLICKHOUSE in bundle["findings.txt"]
    assert json.loads(bundle["services.json"])["clickhouse"]["state"] == "stopped"
    assert {f"{service}.log" for service in json.loads(bundle["services.json"])} < bundle.keys()


@pytest.mark.soak
def test_rollback_takes_langfuse_out_of_the_gateway_by_a_deployment_and_undo_puts_it_back(first: Up) -> None:
    """With web down, as in the incident that asks for it."""
    prod = first.prod
    before, calls, on = prod.kept(), len(prod.calls()), callbacks(prod)
    assert on
    try:
        assert prod.ops("stop", "langfuse-web").code == 0
        off = prod.ops("rollback", "--note", "errors rise")
        assert off.code == 0, off.output
        assert "SWITCHED gateway:tracing is held at false" in off.output
        assert callbacks(prod) == []
        gone = {entry.partition(",")[0] for entry in before - prod.kept()}
        assert gone == {f"secret LANGFUSE_{kind}_KEY of {GATEWAY}" for kind in ("PUBLIC", "SECRET")}
        assert states(prod)[APPS[2]] == "stopped", "only the gateway is touched"
        prod.ops("start", "langfuse-web")
    finally:
        undone = prod.ops("rollback", "--undo")
    assert undone.code == 0, undone.output
    assert "read back by the API" in undone.output
    assert callbacks(prod) == on
    assert prod.kept() == before
    made = [call for call in prod.calls()[calls:] if call["verb"] == "deploy"]
    assert [call["argv"][call["argv"].index("-a") + 1] for call in made] == [GATEWAY, GATEWAY]


@pytest.mark.soak
def test_a_stopped_web_whose_setting_changed_runs_again_and_workers_wait_while_a_store_is_deployed(first: Up) -> None:
    prod = first.prod
    before, calls = prod.kept(), len(prod.calls())
    assert prod.ops("stop", "langfuse-web").code == 0
    prod.configure({"langfuse:logLevel": "debug", "clickhouse:queryLogTtlDays": 6})
    run = prod.ops("up")
    assert run.code == 0, run.output
    assert set(states(prod).values()) == {"started"}
    assert prod.kept() == before
    writes = [call for call in prod.calls()[calls:] if call["writes"] and "-a" in call["argv"]]
    made = [(call["verb"], call["argv"][call["argv"].index("-a") + 1]) for call in writes]
    stopped, deployed = made.index(("machine stop", WORKER)), made.index(("deploy", CLICKHOUSE))
    assert stopped < deployed
    assert ("machine start", WEB) in made, "its deployment leaves it stopped"
    assert prod.ops("up").code == 0


@pytest.mark.soak
def test_down_stops_the_machines_and_keeps_everything(first: Up) -> None:
    before = first.prod.kept()
    down = first.prod.ops("down")
    assert down.code == 0, down.output
    assert set(states(first.prod).values()) == {"stopped"}
    assert first.prod.kept() == before
    up = first.prod.ops("up")
    assert up.code == 0, up.output
    assert set(states(first.prod).values()) == {"started"}
    assert first.prod.kept() == before

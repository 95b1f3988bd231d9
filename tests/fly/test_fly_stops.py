"""Each thing that must stop the driver, with its own error, and with nothing done after it."""

from __future__ import annotations

import ast
import base64
import os
from pathlib import Path
from typing import Any

import pytest

from platforms.fly import errors
from platforms.fly.client import Client
from platforms.fly.deploy import Folder
from platforms.fly.machines import SetState
from tests.fly.driving import GUEST, KEY, Answer, Caller, image, toml
from tests.fly.fake.cloud import Cloud, Machines
from tests.fly.fake.parse import RefusedError

APP = "langfuse-clickhouse"
DATA = "langfuse_clickhouse_data"
WANTED = {"app": APP, "name": DATA, "region": "ord", "size_gb": 25, "snapshot_retention": 14, "guest": GUEST}
PRIVATE = {"app": APP, "org": "hotdash", "private": True}


def seeded() -> Caller:
    caller = Caller()
    caller.cloud.seed_app(APP)
    return caller


def deployment(volume_id: str, **other: Any) -> Answer:
    request = {"app": APP, "region": "ord", "image": image("one"), "toml": toml(APP, DATA), "data": True}
    return {**request, "volume": {"name": DATA, "id": volume_id}, "secrets": {}, **other}


def deployed() -> tuple[Caller, str, Answer]:
    caller = seeded()
    volume = caller.cloud.seed_volume(APP, DATA)
    answer = caller.do("deploy", deployment(volume))
    return caller, volume, answer


BARE = {"argv.py", "errors.py"}
"""What refuses there is a mistake of the program."""


def test_every_stop_says_what_to_do_about_it() -> None:
    sources = [path for path in Path(errors.__file__).parent.glob("*.py") if path.name not in BARE]
    bare = []
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name):
                made = node.exc.func.id
                kind = getattr(errors, made, Exception)  # a function there makes the whole error
                if isinstance(kind, type) and issubclass(kind, errors.FlyError) and len(node.exc.args) < 2:
                    bare.append(f"{path.name}:{node.lineno} {made}")
    assert {each.partition(":")[0] for each in bare if "GarbledReplyError" not in each} <= {"__main__.py", "deploy.py"}
    assert sum("GarbledReplyError" not in each for each in bare) <= 2, "a request that the program itself got wrong"


def test_a_message_fits_80_columns_and_its_command_stays_whole() -> None:
    command = "fly volumes create langfuse_clickhouse_data -a langfuse-clickhouse -r ord --snapshot-id SNAPSHOT"
    shown = errors.laid_out(str(errors.FlyError("a volume is gone " * 12, "restore it " * 12, command)))
    *told, last = shown.splitlines()
    assert all(len(line) <= 80 for line in told)
    assert last == f"    run:  {command}"


def test_a_strangers_name_is_refused_and_no_wider_token_is_asked_for() -> None:
    caller = Caller()
    caller.cloud.seed_app(APP, "strangers")
    with pytest.raises(errors.AppTakenError, match="choose another app name"):
        caller.do("app", PRIVATE)
    assert caller.cloud.state["apps"][APP]["Organization"]["Slug"] == "strangers"


def test_an_app_that_vanished_is_not_made_anew() -> None:
    caller = Caller()
    with pytest.raises(errors.FlyError, match="volumes went with it"):
        caller.do("app", PRIVATE, {"app": APP})
    assert caller.written == []


def test_a_private_app_with_a_public_address_is_refused() -> None:
    caller = Caller()
    caller.cloud.seed_app(APP, public=True)
    with pytest.raises(errors.FlyError, match="2a09:8280:1::1"):
        caller.do("app", PRIVATE)


def test_twin_volumes_stop_with_both_ids() -> None:
    caller = seeded()
    ids = [caller.cloud.seed_volume(APP, DATA), caller.cloud.seed_volume(APP, DATA, "iad")]
    with pytest.raises(errors.FlyError, match="2 volumes named") as stop:
        caller.do("volume", WANTED)
    assert all(each in str(stop.value) for each in ids)
    assert caller.written == []


def test_a_smaller_volume_is_extended_in_place() -> None:
    caller = seeded()
    volume = caller.cloud.seed_volume(APP, DATA, size=10)
    answer = caller.do("volume", WANTED)
    assert (answer["id"], answer["size_gb"], answer["extended"], answer["adopted"]) == (volume, 25, True, True)
    assert caller.written == [f"fly volumes extend {volume} -a {APP} -s 25 -y --json"]


def test_a_larger_volume_is_kept_and_said_so() -> None:
    caller = seeded()
    caller.cloud.seed_volume(APP, DATA, size=100)
    answer = caller.do("volume", WANTED)
    assert (answer["size_gb"], answer["kept_larger"], answer["extended"]) == (100, True, False)
    assert caller.written == []


@pytest.mark.parametrize(
    ("other", "stop"),
    [
        ({"region": "iad"}, "is in region iad, not in ord"),
        ({"region": None}, "is in region unknown, not in ord"),
        ({"encrypted": False}, "not known to be encrypted"),
        ({"encrypted": None}, "not known to be encrypted"),
        ({"size_gb": None}, "no usable size_gb"),
    ],
)
def test_a_volume_that_does_not_fit_is_neither_used_nor_replaced(other: Answer, stop: str) -> None:
    caller = seeded()
    caller.cloud.state["volumes"][caller.cloud.seed_volume(APP, DATA)] |= other
    with pytest.raises(errors.FlyError, match=stop):
        caller.do("volume", WANTED)
    assert caller.written == []


def test_a_volume_that_does_not_grow_stops_with_flys_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    caller = seeded()
    volume = caller.cloud.seed_volume(APP, DATA, size=10)

    def full(*_: object) -> Answer:
        raise RefusedError("Error: failed to extend volume: insufficient resources on its host")

    monkeypatch.setattr(Cloud, "_volumes_extend", full)
    with pytest.raises(errors.FlyError, match=r"10 GB, wanted are 25.*insufficient resources") as stop:
        caller.do("volume", WANTED)
    assert "clickhouse:volumeGb" in stop.value.fix
    assert stop.value.run == f"fly volumes extend {volume} -a {APP} -s 25 -y --json"


def test_an_image_that_no_registry_serves_stops_with_the_setting() -> None:
    caller = seeded()
    volume = caller.cloud.seed_volume(APP, DATA)
    with pytest.raises(errors.FlyError, match="fly:localImages"):
        caller.do("deploy", deployment(volume, image="clickhouse:25.12"))
    caller.do("deploy", deployment(volume, image=f"sha256:{'0' * 64}"))
    assert f"--image {'0' * 63} --local-only" in caller.written[-1]


@pytest.mark.parametrize("state", ["destroyed", "pending_destroy", "destroying"])
def test_volumes_on_their_way_out_do_not_count(state: str) -> None:
    caller = seeded()
    gone = caller.cloud.seed_volume(APP, DATA, state=state)
    answer = caller.do("volume", WANTED)
    assert answer["id"] != gone
    assert answer["adopted"] is False


def test_a_volume_that_vanished_is_not_replaced_by_an_empty_one() -> None:
    caller = seeded()
    with pytest.raises(errors.FlyError, match="--snapshot-id"):
        caller.do("volume", WANTED, {"app": APP, "id": "vol_gone"})
    with pytest.raises(errors.FlyError, match="vol_gone"):
        caller.do("deploy", deployment("vol_gone"))
    assert caller.written == []


def test_more_than_one_machine_stops_a_deployment_and_names_them() -> None:
    caller, volume, _ = deployed()
    (machine,) = caller.cloud.state["machines"].values()
    caller.cloud.state["machines"]["0beef"] = {**machine, "id": "0beef"}
    again = Caller(caller.cloud)
    with pytest.raises(errors.FlyError, match="0beef"):
        again.do("deploy", deployment(volume, image=image("two")))
    assert again.written == []


@pytest.mark.parametrize("change", ["image", "toml", "secrets"])
def test_only_a_change_deploys_and_a_snapshot_comes_first(change: str) -> None:
    caller, volume, answer = deployed()
    assert not any("snapshots" in line for line in caller.written)
    same = Caller(caller.cloud)
    assert same.do("deploy", deployment(volume), answer) == answer
    assert same.written == []
    changed = {
        "image": image("two"),
        "toml": {**toml(APP, DATA), "env": {"PLAIN": "other"}},
        "secrets": {"NAME": {"hmac": "1", "digest": "2"}},
    }
    again = Caller(caller.cloud)
    renewed = again.do("deploy", deployment(volume, **{change: changed[change]}), answer)
    assert [line.split()[1] for line in again.written] == ["volumes", "deploy"]
    assert renewed["snapshot"] in {each["id"] for each in caller.cloud.state["snapshots"][volume]}
    assert (renewed["machine"], renewed["release"]) == (answer["machine"], 2)


def test_without_a_complete_snapshot_nothing_is_deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    caller, volume, answer = deployed()
    monkeypatch.setattr(Cloud, "_volumes_snapshots_list", lambda *_: [])
    again = Caller(caller.cloud)
    with pytest.raises(errors.FlyError, match="nothing is deployed"):
        again.do("deploy", deployment(volume, image=image("two")), answer)
    assert not any(line.startswith("fly deploy") for line in again.written)


@pytest.mark.parametrize("status", [None, "", "error", "in_progress", "failed"])
def test_a_snapshot_counts_only_when_fly_calls_it_made(status: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    caller, volume, answer = deployed()
    listed = iter([[], *([[{"id": "vs_new", "status": status}]] * 1000)])
    monkeypatch.setattr(Cloud, "_volumes_snapshots_list", lambda *_: next(listed))
    again = Caller(caller.cloud)
    with pytest.raises(errors.FlyError, match="nothing is deployed"):
        again.do("deploy", deployment(volume, image=image("two")), answer)
    assert not any(line.startswith("fly deploy") for line in again.written)


def test_a_snapshot_that_is_asked_for_is_waited_for() -> None:
    caller, volume, _ = deployed()
    answer = caller.do("snapshot", {"name": DATA, "id": volume})
    assert answer["snapshot"] in {each["id"] for each in caller.cloud.state["snapshots"][volume]}
    assert [line.split()[1:4] for line in caller.written][-1] == ["volumes", "snapshots", "create"]


def test_a_release_made_by_hand_is_replaced() -> None:
    caller, volume, answer = deployed()
    caller.cloud.state["releases"][APP].insert(0, {"Version": 7})
    again = Caller(caller.cloud)
    again.do("deploy", deployment(volume), answer)
    assert any(line.startswith("fly deploy") for line in again.written)


def test_a_stopped_machine_is_started_without_a_deployment() -> None:
    caller, volume, answer = deployed()
    assert caller.do("state", {"app": APP, "want": "stopped"}) == {"app": APP, "state": "stopped"}
    again = Caller(caller.cloud)
    assert again.do("deploy", deployment(volume), answer)["state"] == "started"
    assert again.written == [f"fly machine start {answer['machine']} -a {APP}"]


def test_a_start_waits_until_the_checks_pass() -> None:
    caller, _, answer = deployed()
    caller.do("state", {"app": APP, "want": "stopped"})
    machine = caller.cloud.state["machines"][answer["machine"]]
    machine["health"] = "critical"

    def heal(_: float) -> None:
        machine["health"] = "passing"

    client = Client(caller, (), sleep=heal)
    assert SetState(app=APP, want="started").do(client) == {"app": APP, "state": "started"}
    machine["health"] = "critical"
    with pytest.raises(errors.UnhealthyError, match="check health is critical"):
        caller.do("state", {"app": APP, "want": "started"})


def test_a_machine_whose_checks_are_not_reported_is_not_known_to_be_well(monkeypatch: pytest.MonkeyPatch) -> None:
    caller, _, _ = deployed()
    monkeypatch.setattr(Machines, "checks", lambda *_: [])
    with pytest.raises(errors.UnhealthyError, match="no health check is reported yet"):
        caller.do("state", {"app": APP, "want": "started"})


@pytest.mark.parametrize("word", ["POST /v1 429 12ms", "migration 401 of 434 applied", "unauthorized"])
def test_what_an_app_logs_does_not_say_why_its_deployment_failed(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tried again, the deployment would run a migration again that has failed."""
    caller, volume, answer = deployed()

    def fails(*_: object) -> Answer:
        raise RefusedError(f"2026-01-01 app[1] ord [info] {word}\nError: smoke checks for 1 failed")

    monkeypatch.setattr(Cloud, "_deploy", fails)
    again = Caller(caller.cloud)
    with pytest.raises(errors.CallError, match="smoke checks for 1 failed"):
        again.do("deploy", deployment(volume, image=image("two")), answer)
    assert [line.split()[1] for line in again.written] == ["volumes", "deploy"]
    assert again.asked[-1].verb == "logs", "its log is evidence"


def test_a_log_that_is_kept_shows_no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = base64.b64encode(b"pk-lf-canary:sk-lf-canary").decode()
    caller, volume, answer = deployed()
    caller.cloud.state["machines"][answer["machine"]]["health"] = "critical"
    monkeypatch.setattr(Machines, "logs", lambda *_: [("", f"'Authorization': 'Basic {credentials}'")])
    monkeypatch.setenv("LANGFUSE_STACK_EVIDENCE", str(tmp_path))
    with pytest.raises(errors.UnhealthyError):
        caller.do("deploy", deployment(volume), answer)
    kept = "".join(path.read_text() for path in tmp_path.glob("*.json"))
    assert "Authorization" in kept
    assert credentials not in kept


def test_an_app_that_shall_be_public_from_now_on_gets_an_address() -> None:
    """Fly gives one at the first deployment by itself, and that was a private one."""
    caller = Caller()
    caller.cloud.seed_app("gateway")
    request = {"app": "gateway", "region": "ord", "image": image("one"), "secrets": {}, "data": False, "volume": None}
    caller.do("deploy", {**request, "toml": toml("gateway")})
    assert caller.cloud.state["ips"]["gateway"] == []
    answer = caller.do("deploy", {**request, "toml": toml("gateway", port=4000)})
    assert {ip["Type"] for ip in caller.cloud.state["ips"]["gateway"]} == {"v6", "shared_v4"}
    again = Caller(caller.cloud)
    again.do("deploy", {**request, "toml": toml("gateway", port=4000)}, answer)
    assert again.written == []


def test_secrets_that_stay_staged_are_put_to_use(monkeypatch: pytest.MonkeyPatch) -> None:
    caller = seeded()
    volume = caller.cloud.seed_volume(APP, DATA)
    values = {"app": APP, "values": {"NAME": "value-of-it", "OTHER": "value-2"}, "hmac_key": KEY}
    names = caller.do("secrets", values)["names"]
    apply, calls = Cloud.apply_secrets, list[str]()

    def late(cloud: Cloud, app: str) -> None:
        calls.append(app)
        apply(cloud, app)
        if len(calls) == 1:
            cloud.state["secrets"][app]["NAME"]["status"] = "Staged"

    monkeypatch.setattr(Cloud, "apply_secrets", late)
    caller.do("deploy", deployment(volume, secrets=names))
    assert caller.written[-1] == f"fly secrets deploy -a {APP}"
    monkeypatch.setattr(Cloud, "apply_secrets", lambda *_: None)
    caller.cloud.state["secrets"][APP]["NAME"]["status"] = "Partial"
    with pytest.raises(errors.FlyError, match="NAME"):
        caller.do("deploy", deployment(volume, secrets=names, image=image("two")))


def test_where_releases_cannot_be_read_no_secret_is_known_to_be_staged() -> None:
    caller = seeded()
    volume = caller.cloud.seed_volume(APP, DATA)
    names = caller.do("secrets", {"app": APP, "values": {"ONE": "value-1", "TWO": "value-2"}, "hmac_key": KEY})["names"]
    answer = caller.do("deploy", deployment(volume, secrets=names))
    caller.cloud.state["secrets_status_fails"] = True
    again = Caller(caller.cloud)
    assert again.do("deploy", deployment(volume, secrets=names), answer) == answer
    assert again.written == []


def test_an_unhealthy_machine_fails_with_the_checks_last_words() -> None:
    caller, volume, answer = deployed()
    (machine,) = caller.cloud.state["machines"].values()
    machine["health"] = "critical"
    written = list(caller.written)
    with pytest.raises(errors.UnhealthyError, match="check health is critical"):
        caller.do("deploy", deployment(volume), answer)
    assert caller.asked[-1].verb == "logs", "its log is evidence"
    assert caller.written == written, "what fails is not tried again"


def test_somebody_elses_lease_is_waited_for_and_never_cleared() -> None:
    caller, volume, answer = deployed()
    caller.cloud.state["leases"] = [answer["machine"]]
    again = Caller(caller.cloud)
    with pytest.raises(errors.LeaseHeldError, match="leases clear"):
        again.do("deploy", deployment(volume, image=image("two")), answer)
    assert len(again.waits) >= 3
    assert not any("leases" in line for line in again.written)


def struck(volume: str, answer: Answer, cloud: Cloud, *faults: Answer) -> Caller:
    """A deployment from this machine of whose end nothing is known, with its lease still held."""
    caller = Caller(cloud, [{"kind": "lost", "verb": "deploy"}, *faults])
    with pytest.raises(errors.FlyError):
        caller.do("deploy", deployment(volume, image=image("two")), answer)
    cloud.state["leases"] = [answer["machine"]]
    return caller


def test_a_lease_that_could_not_be_given_back_is_given_back_by_the_next_run() -> None:
    caller, volume, answer = deployed()
    struck(volume, answer, caller.cloud)
    refused = Caller(caller.cloud, [{"kind": "rate_limit", "verb": "machine leases clear", "times": 99}])
    with pytest.raises(errors.RateLimitedError):
        refused.do("deploy", deployment(volume, image=image("three")), answer)
    last = Caller(caller.cloud)
    last.do("deploy", deployment(volume, image=image("three")), answer)
    assert any("leases clear" in line for line in last.written)


def test_a_lease_outlives_no_deployment_of_long_ago() -> None:
    """It is somebody else's then, whatever became of ours."""
    caller, volume, answer = deployed()
    struck(volume, answer, caller.cloud)
    mark = Folder(APP).path / "deploying"
    long_ago = mark.stat().st_mtime - 7200
    os.utime(mark, (long_ago, long_ago))
    later = Caller(caller.cloud)
    with pytest.raises(errors.LeaseHeldError):
        later.do("deploy", deployment(volume, image=image("three")), answer)
    assert not any("leases" in line for line in later.written)


def test_a_deployment_from_this_machine_is_alone() -> None:
    caller = seeded()
    volume = caller.cloud.seed_volume(APP, DATA)
    with Folder(APP).alone(), pytest.raises(errors.LeaseHeldError, match="right now"):
        caller.do("deploy", deployment(volume))
    assert caller.asked == []


def test_haste_is_punished_with_patience_that_ends() -> None:
    caller = Caller(faults=[{"kind": "rate_limit", "verb": "apps list", "times": 2}])
    caller.do("app", PRIVATE)
    assert caller.waits == [1, 2]
    endless = Caller(faults=[{"kind": "rate_limit", "verb": "apps list", "times": 99}])
    with pytest.raises(errors.RateLimitedError, match="wait a few minutes"):
        endless.do("app", PRIVATE)
    assert len(endless.asked) == 6


@pytest.mark.parametrize(("kind", "stop"), [("logged_out", errors.FlyError), ("timeout", errors.TimedOutError)])
def test_a_call_that_cannot_succeed_says_how_it_could(kind: str, stop: type[errors.FlyError]) -> None:
    caller = Caller(faults=[{"kind": kind, "verb": "apps list"}])
    with pytest.raises(stop, match=r"fly auth login|status"):
        caller.do("app", PRIVATE)


def test_only_changed_and_drifted_secrets_are_staged() -> None:
    caller = seeded()
    request = {"app": APP, "values": {"ONE": "value-1", "TWO": "value-2"}, "hmac_key": KEY}
    first = caller.do("secrets", request)
    assert first["staged"] == ["ONE", "TWO"]
    assert caller.do("secrets", request, first) == {**first, "staged": []}
    assert caller.do("secrets", {**request, "values": {"ONE": "value-1", "TWO": "new"}}, first)["staged"] == ["TWO"]
    caller.cloud.state["secrets"][APP]["ONE"]["digest"] = "changed by hand"
    caller.cloud.state["secrets"][APP]["TWO"]["digest"] = first["names"]["TWO"]["digest"]
    assert caller.do("secrets", request, first)["staged"] == ["ONE"]


def test_a_request_that_is_wrong_names_fields_and_no_values() -> None:
    with pytest.raises(errors.FlyError) as stop:
        Caller().do("secrets", {"app": APP, "values": {"ONE": ["canary-value"]}, "hmac_key": KEY, "extra": 1})
    assert "values.ONE" in str(stop.value)
    assert "extra" in str(stop.value)
    assert "canary" not in str(stop.value)


def test_evidence_that_cannot_be_written_fails_the_action(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from evidence import EvidenceError

    monkeypatch.setenv("LANGFUSE_STACK_EVIDENCE", str(tmp_path / "missing"))
    with pytest.raises(EvidenceError, match="missing"):
        Caller().do("app", PRIVATE)


def test_inspection_reads_every_app_even_when_one_cannot_be_read() -> None:
    caller, volume, answer = deployed()
    looked = Caller(caller.cloud)
    found = looked.do("inspect", {"apps": [APP, "not-there"]})["apps"]
    assert found[APP]["machines"][0]["id"] == answer["machine"]
    assert found[APP]["volumes"][0]["id"] == volume
    machines = looked.do("inspect", {"apps": [APP], "machines_only": True})["apps"][APP]
    assert machines == {"machines": found[APP]["machines"]}
    assert "Could not find App" in found["not-there"]["error"]
    assert looked.written == []
    assert "ready" in looked.do("logs", {"app": APP, "lines": 5})["text"]


def test_the_last_run_is_compared_with_before_anything_is_called() -> None:
    caller, volume, answer = deployed()
    moved = {**toml(APP, DATA), "mounts": [{"source": DATA, "destination": "/elsewhere"}]}
    again = Caller(caller.cloud)
    with pytest.raises(errors.FlyError, match="leaves its volume behind"):
        again.do("deploy", deployment(volume, toml=moved), answer)
    assert again.asked == []
    live = Caller(caller.cloud)
    with pytest.raises(errors.FlyError, match="leaves its volume behind"):
        live.do("deploy", deployment(volume, toml=moved))
    assert live.written == []

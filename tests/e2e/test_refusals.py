"""What is refused before anything is created, and how clearly."""

import json
import socket

import pytest

from tests.e2e.stack import TestStack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


def test_a_taken_port_is_reported_with_its_setting_before_anything_is_created(fresh: TestStack) -> None:
    with socket.create_server(("127.0.0.1", fresh.config["redis:port"])):
        run = fresh.ops("up")
    assert run.code == 1
    assert f"port {fresh.config['redis:port']} is in use" in run.output
    assert "pulumi config set redis:port" in run.output
    assert fresh.names("volume") == fresh.names("container") == []
    decisions = (fresh.folder / "artifacts" / "decision-log.jsonl").read_text().splitlines()
    assert [json.loads(line)["action"] for line in decisions] == ["refused"]


def test_a_misspelt_setting_stops_up(fresh: TestStack) -> None:
    fresh.configure(langfuse__relaese="4")
    run = fresh.ops("up")
    assert run.code == 1
    assert "did you mean langfuse:release?" in run.output
    assert "Traceback" not in run.output


def test_an_update_with_a_misspelt_setting_leaves_nothing_in_the_state(fresh: TestStack) -> None:
    assert fresh.ops("preview").code == 0
    fresh.configure(langfuse__relaese="4")
    settings = ("--stack", "test", "--config-file", str(fresh.config_file))
    run = fresh.shell("pulumi", "up", "--yes", "--skip-preview", *settings)
    assert run.code != 0
    assert "did you mean langfuse:release?" in run.output
    state = fresh.shell("pulumi", "stack", "export", "--stack", "test").json
    types = {resource["type"] for resource in state["deployment"].get("resources") or []}
    assert types <= {"pulumi:pulumi:Stack"}


def test_a_lost_passphrase_is_said_and_never_replaced(fresh: TestStack) -> None:
    assert fresh.ops("preview").code == 0
    passphrase = fresh.folder / "state" / "passphrase"
    passphrase.unlink()
    run = fresh.ops("up")
    assert run.code == 1
    assert "passphrase is lost" in run.output
    assert not passphrase.exists()


def test_a_wrong_passphrase_names_the_file_to_mend(fresh: TestStack) -> None:
    assert fresh.ops("preview").code == 0
    (fresh.folder / "state" / "passphrase").write_text("another\n")
    run = fresh.ops("up")
    assert run.code != 0
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" in run.output
    assert "Traceback" not in run.output


def test_release_4_is_refused_on_an_old_clickhouse_with_the_floor_named(fresh: TestStack) -> None:
    fresh.configure(langfuse__release="4")
    images = fresh.ops("images", "--json").json
    if tuple(map(int, images["clickhouse"]["version"].split(".")[:2])) >= (25, 12):
        fresh.configure(clickhouse__image="clickhouse/clickhouse-server:24.10")
    run = fresh.ops("up")
    assert run.code != 0
    assert "below the floor 25.12 of Langfuse release 4" in run.output
    assert "clickhouse:image" in run.output
    assert not [name for name in fresh.names("container") if "langfuse-web" in name]


@pytest.mark.soak
def test_an_image_that_says_it_runs_on_an_older_clickhouse_does(fresh: TestStack) -> None:
    fresh.run_on_an_old_clickhouse()
    fresh.configure(langfuse__release="4")
    run = fresh.ops("up")
    assert run.code == 0, run.output
    outputs = fresh.outputs()
    assert outputs["release"] == "4.16.0"
    assert outputs["checks"]["end-to-end-proof"] == "ok"

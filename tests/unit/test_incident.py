"""A bundle is made however little still works, and says what is not in it."""

import json
import stat
import tarfile
from pathlib import Path
from typing import Any

import pytest

from evidence import EvidenceError
from ops import decisions, incident
from ops.session import OpsError, Session
from ops.state import State
from platforms.spec import Status
from settings.recorded import NOTHING
from toolchain.report import ToolchainError

SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": '"canary-of-the-state"'}


class HalfDown:
    """A platform on which one service has no log to give."""

    def services(self) -> dict[str, Status]:
        return {name: Status(name, "running", {}) for name in ("clickhouse", "minio")}

    def logs(self, service: str, lines: int) -> str:
        if service == "minio":
            raise OpsError("no log")
        return f"{lines} lines\nlogged in with canary-of-the-state"

    def about(self) -> dict[str, Any]:
        raise OpsError("the platform does not answer")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LANGFUSE_STACK_STATE", str(tmp_path / "state"))
    monkeypatch.setenv(decisions.PLACE_VARIABLE, str(tmp_path / "artifacts"))
    config = tmp_path / "settings.yaml"
    config.write_text("config:\n  gateway:providerKeys: {OPENAI_API_KEY: canary-of-the-settings}\n")
    monkeypatch.setattr(
        incident, "open_session", lambda *_: Session("local", {"PATH": "/nowhere"}, config, known=NOTHING)
    )
    monkeypatch.setattr(incident, "runtime_of", lambda _: HalfDown())
    monkeypatch.setattr(
        incident,
        "read_state",
        lambda *_, **__: State({"deployment": {"resources": [{"urn": "a::b", "outputs": SECRET}]}}),
    )
    return tmp_path / "artifacts"


def bundle(place: Path, note: str = "") -> tuple[dict[str, str], dict[str, Any]]:
    """Files of a new bundle, and its line in the decision log."""
    incident.incident("local", None, note=note, as_json=False)
    line = json.loads((place / decisions.LOG).read_text().splitlines()[-1])
    [path] = [place / name for name in line["evidence"]]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with tarfile.open(path) as archive:
        files = {member.name.partition("/")[2]: archive.extractfile(member) for member in archive}
        return {name: file.read().decode() for name, file in files.items() if file}, line


def test_what_can_be_had_is_bundled_and_the_rest_is_named(place: Path) -> None:
    files, line = bundle(place, "minio is slow")
    assert "2000 lines" in files["logs/clickhouse.log"]
    assert json.loads(files["services.json"])["minio"]["state"] == "running"
    assert line["missing"]["log of minio"] == "no log"
    assert line["missing"]["platform facts"] == "the platform does not answer"
    assert json.loads(files["incident.json"])["missing"].keys() == line["missing"].keys()
    assert (line["action"], line["note"]) == ("incident_recorded", "minio is slow")


def test_no_secret_of_state_or_settings_gets_into_a_bundle_or_its_line(place: Path) -> None:
    files, line = bundle(place, "somebody wrote canary-of-the-state into the note")
    assert "logged in with …" in files["logs/clickhouse.log"]
    assert "canary" not in json.dumps([files, line])


def test_without_the_state_no_log_is_bundled(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> State:
        raise OpsError("the passphrase does not open this stack")

    monkeypatch.setattr(incident, "read_state", fail)
    files, line = bundle(place)
    assert not [name for name in files if name.startswith("logs/")]
    assert "passphrase" in line["missing"]["state"]
    assert "left out" in line["missing"]["logs"]


def test_a_platform_that_is_gone_does_not_stop_the_rest(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> object:
        raise OpsError("cannot connect")

    monkeypatch.setattr(incident, "runtime_of", fail)
    files, line = bundle(place)
    assert line["missing"]["platform"] == "cannot connect"
    assert "settings.json" in files


def test_a_toolchain_that_is_gone_does_not_stop_the_rest(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Session:
        raise ToolchainError("Docker does not start")

    monkeypatch.setattr(incident, "open_session", fail)
    files, line = bundle(place)
    assert line["missing"]["toolchain"] == "Docker does not start"
    assert "machine.json" in files


def test_a_bundle_that_cannot_be_written_leaves_nothing(place: Path) -> None:
    place.mkdir()
    (place / incident.INCIDENTS).write_text("in the way")
    with pytest.raises(EvidenceError, match="cannot be written"):
        incident.incident("local", None, note="", as_json=False)
    assert not (place / decisions.LOG).exists()

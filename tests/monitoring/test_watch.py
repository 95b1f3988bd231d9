"""What `watch` looks at, posts and exits with; the stack's own answers are made up, the receiver is a real server."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ops.commands import cli
from ops.session import Session
from ops.watch import command
from ops.watch.command import Watch
from ops.watch.look import Alert, Look, Sample
from ops.watch.send import text
from settings.recorded import NOTHING

WAITING = Alert("QueueWaiting", "trace-upsert", "1001 jobs wait", "`make status`")
FULL = Alert("DiskFilling", "minio", "minio: 90 %", "a larger disk")
AGE = Sample("langfuse_secret_timestamp_seconds", 12.5, "secret", "salt")


@dataclass
class Receiver:
    """A server that remembers what it was sent, and refuses the first requests."""

    refusing: int = 0
    taken: list[tuple[str, str, str]] = field(default_factory=list)
    tried: int = 0
    url: str = ""

    @property
    def posted(self) -> list[Any]:
        return [json.loads(body) for method, _, body in self.taken if method == "POST"]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    known = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def _take(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            known.tried += 1
            refused = known.tried <= known.refusing
            if not refused:
                known.taken.append((self.command, self.path, body))
            self.send_response(503 if refused else 200)
            self.end_headers()

        do_POST = do_PUT = _take  # noqa: N815 - names of the library

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    monkeypatch.setattr(time, "sleep", lambda _: None)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        known.url = f"http://127.0.0.1:{server.server_port}/hook"
        yield known
        server.shutdown()


def session(folder: Path, **config: object) -> Session:
    file = folder / "settings.yaml"
    file.write_text(json.dumps({"config": {key.replace("__", ":"): value for key, value in config.items()}}))
    return Session("blue", {}, file, known=NOTHING)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Look]:
    """What the next looks see; the last one is seen again and again."""
    looks: list[Look] = [Look([], [], [])]
    monkeypatch.setattr(command, "look", lambda _: looks.pop(0) if len(looks) > 1 else looks[0])
    return looks


def test_what_is_new_is_posted_once_and_what_is_over_is_said_to_be(
    receiver: Receiver, seen: list[Look], tmp_path: Path
) -> None:
    seen[:] = [Look([WAITING], [], []), Look([WAITING], [], []), Look([FULL], [], []), Look([FULL], ["redis"], [])]
    watching = Watch(session(tmp_path), receiver.url)
    for _ in range(4):
        watching.once()
    told = [[(entry["labels"]["alertname"], entry["status"]) for entry in body["alerts"]] for body in receiver.posted]
    assert told == [[("QueueWaiting", "firing")], [("DiskFilling", "firing"), ("QueueWaiting", "resolved")]]
    first = receiver.posted[0]["alerts"][0]
    assert first["labels"] == {"alertname": "QueueWaiting", "of": "trace-upsert", "stack": "blue"}
    assert first["annotations"]["runbook_url"] == "docs/monitoring.md#queuewaiting"


def test_what_could_not_be_looked_at_is_not_over(receiver: Receiver, seen: list[Look], tmp_path: Path) -> None:
    seen[:] = [Look([WAITING], [], []), Look([], ["queues in Redis: refused"], []), Look([], [], [])]
    watching = Watch(session(tmp_path), receiver.url)
    for number in (1, 1, 2):
        watching.once()
        assert len(receiver.posted) == number


def test_a_receiver_that_refuses_is_tried_again_and_told_the_next_time(
    receiver: Receiver, seen: list[Look], tmp_path: Path
) -> None:
    seen[:] = [Look([WAITING], [], [])]
    receiver.refusing = 4
    watching = Watch(session(tmp_path), receiver.url)
    watching.once()
    assert (receiver.tried, watching.untold) == (3, ["the webhook took it none of 3 times: HTTP 503"])
    watching.once()
    assert (receiver.tried, watching.untold) == (5, [])
    assert len(receiver.posted) == 1


def test_a_url_that_is_secret_is_in_no_message(
    seen: list[Look], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    seen[:] = [Look([WAITING], [], [])]
    watching = Watch(session(tmp_path), "http://127.0.0.1:1/very-secret")
    watching.once()
    assert watching.untold == ["the webhook took it none of 3 times: ConnectError"]


def test_numbers_go_to_the_pushgateway_of_a_stack_that_has_one(
    receiver: Receiver, seen: list[Look], tmp_path: Path
) -> None:
    seen[:] = [Look([], [], [AGE, Sample("langfuse_backup_timestamp_seconds", 7.0)])]
    port = int(receiver.url.rpartition(":")[2].partition("/")[0])
    on = session(tmp_path, monitoring__enabled=True, monitoring__pushgatewayPort=port)
    Watch(on, None).once()
    [(method, path, body)] = receiver.taken
    assert (method, path) == ("PUT", "/metrics/job/langfuse-watch")
    assert body == 'langfuse_secret_timestamp_seconds{secret="salt"} 12.5\nlangfuse_backup_timestamp_seconds 7.0\n'
    Watch(session(tmp_path), None).once()
    assert len(receiver.taken) == 1


def test_numbers_are_written_as_prometheus_reads_them() -> None:
    assert text([AGE]) == 'langfuse_secret_timestamp_seconds{secret="salt"} 12.5\n'


@pytest.mark.parametrize(
    ("look", "code"),
    [(Look([], [], []), 0), (Look([WAITING], ["x"], []), 1), (Look([], ["redis: refused"], []), 2)],
)
def test_one_look_exits_by_what_it_saw(
    look: Look, code: int, seen: list[Look], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen[:] = [look]
    monkeypatch.setattr(command, "open_session", lambda *_: session(tmp_path))
    found = CliRunner().invoke(cli, ["watch", "--once", "--json"])
    document = json.loads(found.stdout)
    assert found.exit_code == code
    assert [alert["name"] for alert in document["alerts"]] == [alert.name for alert in look.alerts]
    assert document["unseen"] == look.unseen
    shown = CliRunner().invoke(cli, ["watch", "--once"], env={"COLUMNS": "80"})
    assert shown.exit_code == code
    assert max(map(len, shown.stdout.splitlines())) <= 80


@pytest.mark.parametrize(("on", "posts"), [(False, 1), (True, 0)])
def test_the_webhook_of_the_settings_is_alertmanagers_where_there_is_one(
    *, on: bool, posts: int, receiver: Receiver, seen: list[Look], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen[:] = [Look([WAITING], [], [])]
    port = int(receiver.url.rpartition(":")[2].partition("/")[0])
    config = {"monitoring__enabled": on, "monitoring__pushgatewayPort": port, "monitoring__webhookUrl": receiver.url}
    monkeypatch.setattr(command, "open_session", lambda *_: session(tmp_path, **config))
    assert CliRunner().invoke(cli, ["watch", "--once"]).exit_code == 1
    assert len(receiver.posted) == posts


def test_json_is_one_document_and_so_is_of_one_look() -> None:
    found = CliRunner().invoke(cli, ["watch", "--json"])
    assert (found.exit_code, json.loads(found.stdout)["error"]) == (2, "--json prints one document: use it with --once")


@pytest.mark.usefixtures("seen")
def test_it_looks_again_after_the_time_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(command, "open_session", lambda *_: session(tmp_path))
    monkeypatch.setattr(time, "sleep", sleep)
    found = CliRunner().invoke(cli, ["watch", "--every", "60"])
    assert found.exit_code == 130
    assert len(slept) == 3
    assert all(59 < seconds <= 60 for seconds in slept)


def test_it_looks_with_the_settings_as_they_are_then_and_goes_on_when_they_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    rotated = {"langfuse-stack__rotations": {"redis-password": 2}}
    changes = [lambda: session(tmp_path, **rotated), lambda: session(tmp_path, redis__port="no port")]

    def sees(of: Session) -> Look:
        looked.append(str(of.settings.stack.rotations))
        return Look([], [], [])

    def sleep(_: float) -> None:
        if not changes:
            raise KeyboardInterrupt
        changes.pop(0)()

    monkeypatch.setattr(command, "look", sees)
    monkeypatch.setattr(command, "open_session", lambda *_: session(tmp_path))
    monkeypatch.setattr(time, "sleep", sleep)
    found = CliRunner().invoke(cli, ["watch", "--every", "60"])
    assert found.exit_code == 130
    assert len(looked) == 2
    assert looked[0] != looked[1]
    assert "redis:port" in found.stdout


def test_there_is_nothing_to_watch_before_the_first_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Nothing(Session):
        def exists(self) -> bool:
            return False

    monkeypatch.setattr(
        command, "open_session", lambda *_: Nothing("blue", {}, session(tmp_path).config_file, known=NOTHING)
    )
    found = CliRunner().invoke(cli, ["watch", "--once"])
    assert found.exit_code == 2
    assert "`make up` makes one" in found.stderr

"""Looks into apps and their machines: what is seen, what is left out, and where secrets may not show."""

from __future__ import annotations

import json
import shlex
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from platforms.fly import errors, replies
from platforms.fly.argv import Command
from platforms.fly.replies import LogEntry, Machine
from tests.fly.driving import KEY, Caller, image, toml
from tests.fly.fake.cloud import Machines, State

if TYPE_CHECKING:
    from pathlib import Path

APP = "langfuse-web"
CANARY = "canary-of-the-environment"
BROUGHT = {"PATH": "/usr/bin", "FLY_APP_NAME": APP}


class Entered(Machines):
    """Machines that answer from inside."""

    def __init__(self) -> None:
        self.env: dict[str, str] = {}
        self.lines: list[str] = []
        self.answer: tuple[int, str, str] = (0, "", "")
        self.written: list[tuple[str, str]] = []

    def create(self, machine: State, app: str, secrets: dict[str, str]) -> None:
        assert app == APP
        self.env = {**BROUGHT, **machine["config"]["env"], **secrets}

    def execute(self, app: str, line: str) -> tuple[int, str, str]:
        assert app == APP
        self.lines.append(line)
        if line == "cat /proc/self/environ" and self.answer[0] == 0:
            return 0, "\0".join(f"{name}={value}" for name, value in self.env.items()), "Connecting to fdaa::2...\n"
        return self.answer

    def logs(self, app: str) -> list[tuple[str, str]]:
        assert app == APP
        return self.written


@pytest.fixture
def machines() -> Entered:
    return Entered()


@pytest.fixture
def fly(machines: Entered) -> Caller:
    caller = Caller()
    caller.cloud.machines = machines
    caller.cloud.seed_app(APP)
    values = {"SALT": CANARY, "FILE_ETC_A": "canary-of-a-file"}
    names = caller.do("secrets", {"app": APP, "values": values, "hmac_key": KEY})["names"]
    document = toml(APP)
    document["files"] = [{"guest_path": "/etc/a", "secret_name": "FILE_ETC_A"}]
    request = {"app": APP, "region": "ord", "image": image(APP), "toml": document, "secrets": names, "volume": None}
    caller.do("deploy", {**request, "data": False})
    caller.asked.clear()
    return caller


def machine(caller: Caller) -> State:
    found: State = next(iter(caller.cloud.state["machines"].values()))
    return found


def look(caller: Caller, **request: Any) -> Any:
    return caller.do("look", {"app": APP, **request})


def test_the_environment_is_what_the_app_declares_and_not_what_its_image_and_fly_bring(fly: Caller) -> None:
    seen = look(fly, environment=True)
    assert seen["env"] == {"PLAIN": "value", "SALT": CANARY}
    assert seen["secrets"] == ["SALT"]
    assert fly.written == []


def test_no_machine_is_entered_unless_its_environment_is_asked_for(fly: Caller, machines: Entered) -> None:
    seen = look(fly)
    assert "env" not in seen
    assert [facts["state"] for facts in seen["machines"]] == ["started"]
    assert [command.verb for command in fly.asked] == ["machine list"]
    assert machines.lines == []


@pytest.mark.parametrize(
    ("status", "health"), [("passing", "healthy"), ("warning", "starting"), ("critical", "unhealthy")]
)
def test_the_worst_check_is_the_health_of_a_machine(fly: Caller, status: str, health: str) -> None:
    machine(fly)["health"] = status
    assert [facts["health"] for facts in look(fly)["machines"]] == [health]


EVENTS = [
    {"type": "start", "status": "started", "source": "flyd", "timestamp": 3},
    {
        "type": "exit",
        "status": "stopped",
        "request": {
            "MonitorEvent": {"exit_event": {"exit_code": 137, "oom_killed": True}},
            "restart_count": 4,
        },
    },
    {"type": "exit", "request": {"exit_event": {"exit_code": 0, "oom_killed": False}, "restart_count": 3}},
]


def test_restarts_and_a_want_of_memory_are_read_from_the_events_of_a_machine(fly: Caller) -> None:
    machine(fly)["events"] = EVENTS
    [facts] = look(fly)["machines"]
    assert (facts["restarts"], facts["out_of_memory"]) == (4, True)
    machine(fly)["events"] = EVENTS[2:]
    [facts] = look(fly)["machines"]
    assert (facts["restarts"], facts["out_of_memory"]) == (3, False)


def test_a_machine_as_flyctl_prints_it_is_read() -> None:
    entry = {
        "id": "91857c0b",
        "state": "started",
        "config": {"env": {"A": "b"}, "files": [{"guest_path": "/a", "secret_name": "FILE_A"}], "image": "i"},
        "events": [*EVENTS, {"type": "launch", "request": None, "timestamp": 1}],
        "checks": None,
    }
    [read] = replies.many(Machine, json.dumps([entry], indent=4))
    assert read.config.env == {"A": "b"}
    assert [event.request.out_of_memory for event in read.events] == [False, True, False, False]


def test_a_stopped_machine_is_not_entered_and_its_environment_is_not_known(fly: Caller, machines: Entered) -> None:
    machine(fly)["state"] = "stopped"
    seen = look(fly, environment=True)
    assert seen["unread"] == f"no machine of app {APP} runs"
    assert "env" not in seen
    assert machines.lines == []


def test_a_machine_that_cannot_be_entered_is_seen_all_the_same(fly: Caller, machines: Entered) -> None:
    machines.answer = (255, f"SALT={CANARY}", "")
    seen = look(fly, environment=True)
    assert [facts["state"] for facts in seen["machines"]] == ["started"]
    assert "Process exited with status 255" in seen["unread"]
    assert CANARY not in json.dumps(seen)


def test_a_machine_that_does_not_say_what_it_was_given_is_not_taken_for_one_that_was_given_nothing(
    fly: Caller, machines: Entered
) -> None:
    machines.env = dict(BROUGHT)
    assert "does not say" in look(fly, environment=True)["unread"]


@pytest.mark.parametrize("code", [0, 1])
def test_what_a_machine_says_is_kept_in_no_transcript(
    fly: Caller, machines: Entered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """Also where it is known to be nobody's password."""
    monkeypatch.setenv("LANGFUSE_STACK_EVIDENCE", str(tmp_path))
    machines.answer = (code, "", "")
    look(fly, environment=True)
    kept = [path.read_text() for path in tmp_path.glob("*-command-fly-ssh-console*.json")]
    assert [json.loads(text)["stdout"].endswith("characters, not kept)") for text in kept] == [True]
    assert not any(CANARY in path.read_text() or "PLAIN" in path.read_text() for path in tmp_path.glob("*ssh*"))


def test_each_target_has_an_answer(fly: Caller, machines: Entered) -> None:
    machines.answer = (0, "a.internal:8123 ok\nb:1 the name does not resolve\n", "")
    seen = fly.do("reach", {"app": APP, "targets": ["a.internal:8123", "b:1", "fdaa::2:5432"]})["seen"]
    assert seen == {"a.internal:8123": "ok", "b:1": "the name does not resolve", "fdaa::2:5432": "no answer"}


def test_file_system_and_migration_are_read(fly: Caller, machines: Entered) -> None:
    machines.answer = (0, "ext2/ext3\n", "")
    assert fly.do("filesystem", {"app": APP, "path": "/var/lib/clickhouse"})["type"] == "ext2/ext3"
    machines.answer = (0, "", "")
    assert fly.do("migration", {"app": APP, "folder": "/app/m", "version": 3})["text"] is None
    assert machines.lines[0] == "stat -f -c %T /var/lib/clickhouse"


def test_only_what_was_written_lately_is_recent(fly: Caller, machines: Entered) -> None:
    def ago(seconds: float) -> str:
        return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat().replace("+00:00", "123Z")

    machines.written = [
        (ago(100), "long ago"),
        (ago(5), "password=canary"),
        (ago(1), "now\nand then"),
        ("?", "undated"),
    ]
    text = fly.do("recent", {"app": APP, "seconds": 60})["text"]
    assert text == "password=…\nnow\nand then\nundated"
    machines.written = []
    assert fly.do("recent", {"app": APP, "seconds": 60})["text"] == ""


def test_a_stream_that_is_cut_off_is_no_shorter_stream() -> None:
    entries = "".join(f"{json.dumps({'message': f'{{{number}'}, indent=4)}\n" for number in range(2))
    assert [entry.message for entry in replies.stream(LogEntry, f"WARN\n{entries}")] == ["{0", "{1"]
    with pytest.raises(errors.GarbledReplyError):
        replies.stream(LogEntry, entries[:-4])


HOSTILE = ["rm -rf /", "cat /etc/passwd", "cat /proc/self/environ /etc/passwd", "sh -c reboot", "'", "", "-h"]


@pytest.mark.parametrize("line", HOSTILE)
def test_nothing_but_looks_runs_inside_of_a_machine(line: str) -> None:
    with pytest.raises(errors.ForbiddenError):
        Command("ssh console", app=APP, inside=line)


@pytest.mark.parametrize("target", ["a", "a:b", "-a:1", "a;b:1", "a b:1", "$(a):1", "a:1\n"])
def test_a_target_is_a_host_and_a_port(target: str) -> None:
    with pytest.raises(errors.ForbiddenError):
        Command("ssh console", app=APP, inside="reach", targets=[target])


@pytest.mark.parametrize(("version", "file"), [(3, "0003_three.up.sql"), (10, "0010_ten.up.sql"), (4, None)])
def test_the_migration_of_a_number_is_found(tmp_path: Path, version: int, file: str | None) -> None:
    for name in ("0003_three.up.sql", "0003_three.down.sql", "0010_ten.up.sql", "00030_thirty.up.sql"):
        (tmp_path / name).write_text(name)
    line = Command("ssh console", app=APP, inside="migration", path=str(tmp_path), version=version).words[-1]
    done = subprocess.run(shlex.split(line), capture_output=True, text=True, check=True)
    assert done.stdout == (file or "")


def test_what_listens_is_reached_and_what_does_not_is_not() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        targets = [f"127.0.0.1:{there.getsockname()[1]}" for there in (server, closed)]
        nameless = ("192.0.2.1:9", "2001:db8::1:9")
        named = [*targets, "nowhere.invalid:1", *nameless]
        line = Command("ssh console", app=APP, inside="reach", targets=named).words[-1]
        done = subprocess.run(shlex.split(line), capture_output=True, text=True, check=True)
    assert sorted(done.stdout.splitlines()) == sorted(
        [
            f"{targets[0]} ok",
            f"{targets[1]} no connection",
            "nowhere.invalid:1 the name does not resolve",
            *(f"{target} no connection" for target in nameless),
        ]
    )

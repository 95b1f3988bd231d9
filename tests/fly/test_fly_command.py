"""The driver as the engine calls it, with a real `fly` executable: processes, streams, exit statuses, signals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from platforms.fly import client
from platforms.fly.argv import CALLS, Command
from platforms.fly.errors import FlyError
from tests.fly.driving import GUEST, KEY, toml
from tests.fly.fake.command import cloud

ROOT = Path(__file__).parents[2]
APP = {"app": "aaa", "org": "hotdash", "private": True}


class Shell:
    """Calls the driver's command line with the fake first on PATH."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "cloud.json"
        self.env = {
            **os.environ,
            "PATH": f"{ROOT / 'tests/fly/bin'}:{os.environ['PATH']}",
            "FAKE_FLY_STATE": str(self.state),
            "FLY_CONFIG_DIR": str(folder / "fly"),
            "LANGFUSE_STACK_FLY_BUILD": str(folder / "build"),
        }

    def run(self, action: str, request: Any, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "platforms.fly", action],
            cwd=ROOT,
            input=json.dumps(request) if not isinstance(request, str) else request,
            env={**self.env, **env},
            text=True,
            capture_output=True,
            check=False,
        )

    def log(self) -> list[Any]:
        return [json.loads(line) for line in Path(f"{self.state}.log").read_text().splitlines()]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.mark.soak
def test_an_app_is_put_up_through_the_command_line_and_the_second_time_only_read(shell: Shell) -> None:
    answers: list[Any] = []
    secret = "canary of the command line"
    for _ in range(2):
        names: Any = {}
        for number, action in enumerate(("app", "secrets", "volume", "deploy")):
            requests: dict[str, Any] = {
                "app": APP,
                "secrets": {"app": "aaa", "values": {"NAME": secret}, "hmac_key": KEY},
                "volume": {"app": "aaa", "name": "data", "region": "ord", "size_gb": 3, "guest": GUEST},
                "deploy": {
                    "app": "aaa",
                    "region": "ord",
                    "image": "a@sha256:1",
                    "toml": toml("aaa", "data"),
                    "data": True,
                },
            }
            if action == "deploy":
                volume = answers[-1]
                requests["deploy"] |= {"secrets": names, "volume": {"name": volume["name"], "id": volume["id"]}}
            previous = json.dumps(answers[number]) if len(answers) >= 4 + number else ""
            done = shell.run(action, requests[action], PULUMI_COMMAND_STDOUT=previous)
            assert (done.returncode, done.stderr) == (0, ""), done.stderr
            answers.append(json.loads(done.stdout))
            names = answers[-1].get("names", names)
    log = shell.log()
    assert secret not in json.dumps([log, answers])
    writes = [entry["verb"] for entry in log if entry["writes"]]
    assert writes == ["apps create", "secrets import", "volumes create", "deploy"]
    assert answers[7]["release"] == answers[3]["release"] == 1


def test_killed_with_the_reply_under_way_the_next_call_adopts(shell: Shell) -> None:
    killed = shell.run("app", APP, FAKE_FLY_FAULTS='[{"kind": "kill_caller", "verb": "apps create"}]')
    assert killed.returncode == -9
    again = shell.run("app", APP)
    assert json.loads(again.stdout)["adopted"] is True


def test_two_calls_at_once_leave_one_of_each_and_a_whole_state(shell: Shell) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda number: shell.run("app", {**APP, "app": f"app{number % 2}x"}), range(4)))
    assert [each.returncode for each in done] == [0, 0, 0, 0], [each.stderr for each in done]
    with cloud(shell.state) as at_hand:
        assert sorted(at_hand.state["apps"]) == ["app0x", "app1x"]
        assert at_hand.state["step"] == len(shell.log())


@pytest.mark.parametrize(
    ("action", "request_", "env", "code", "said"),
    [
        ("nonsense", "", {}, 2, "usage"),
        ("app", "not json", {}, 1, "fly app: app: request"),
        ("app", {"app": "aaa"}, {}, 1, "org"),
        ("app", APP, {"FLY_BIN": "no-such-program"}, 1, "install"),
        ("app", APP, {"FAKE_FLY_FAULTS": '[{"kind": "logged_out", "verb": "apps list"}]'}, 1, "fly auth login"),
        ("app", APP, {"LANGFUSE_STACK_EVIDENCE": "/no/such/folder"}, 1, "cannot be written"),
    ],
)
def test_a_failure_is_one_message_of_80_columns_and_an_exit_status(
    shell: Shell, *, action: str, request_: Any, env: dict[str, str], code: int, said: str
) -> None:
    done = shell.run(action, request_, **env)
    assert done.returncode == code
    assert said in " ".join(done.stderr.split())
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert all(len(line) <= 80 for line in lines), done.stderr
    assert not any("Traceback" in line for line in lines)


def test_a_secret_that_fly_repeats_in_its_error_is_taken_out(shell: Shell, tmp_path: Path) -> None:
    talkative = tmp_path / "talkative"
    talkative.write_text(
        '#!/bin/sh\ncase "$1 $2" in "secrets list") echo "[]";; *) echo "Error: $(cat) is invalid" >&2; exit 1;; esac\n'
    )
    talkative.chmod(0o755)
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    request = {"app": "aaa", "values": {"NAME": "canary-in-error"}, "hmac_key": KEY}
    done = shell.run("secrets", request, FLY_BIN=str(talkative), LANGFUSE_STACK_EVIDENCE=str(evidence))
    assert done.returncode == 1
    assert "is invalid" in done.stderr
    records = "".join(path.read_text() for path in evidence.iterdir())
    assert "is invalid" in records
    assert "canary-in-error" not in done.stderr + records


def test_a_call_that_hangs_is_ended_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = tmp_path / "hanging"
    hanging.write_text("#!/bin/sh\nsleep 60 & echo started; wait\n")
    hanging.chmod(0o755)
    monkeypatch.setenv("FLY_BIN", str(hanging))
    monkeypatch.setitem(CALLS, "apps list", replace(CALLS["apps list"], seconds=1))
    done = client.run(Command("apps list", org="org"), "")
    assert (done.code, done.stdout) == (None, "started\n")


def test_a_missing_fly_says_where_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLY_BIN", "no-such-program")
    with pytest.raises(FlyError, match="flyctl/install"):
        client.run(Command("apps list", org="org"), "")

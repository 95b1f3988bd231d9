"""The fake as a command.

* FAKE_FLY_STATE  file with the whole cloud, and the secrets of its machines; FAKE_FLY_STATE.log is the call log:
  one JSON object a call with `step`, `argv`, `verb`, `writes`, `stdin_sha256` and, with FAKE_FLY_KEEP_STDIN, `stdin`
* FAKE_FLY_FAULTS  JSON list, see `faults`, or the path of a file with one; a halted call makes FAKE_FLY_STATE.halted
* FAKE_FLY_DOCKER  prefix and network of real containers; without it machines only exist on paper
* FAKE_FLY_PUBLIC  JSON object: app to the port of 127.0.0.1 where its public service is published
* FAKE_FLY_EDGE  image of HAProxy, which stands for Fly's balancing over the machines of an app
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.fly.fake import faults
from tests.fly.fake.cloud import Cloud, EndlessError, Machines, entered, new_state, printed_logs
from tests.fly.fake.parse import UNLOCKED, WRITES, Arguments, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator


ENDLESS_SECONDS = 60


def state_file() -> Path:
    """Where the cloud is kept."""
    return Path(os.environ["FAKE_FLY_STATE"])


@contextmanager
def cloud(path: Path, machines: Machines | None = None) -> Iterator[Cloud]:
    """The cloud of a state file, for one caller at a time; kept when the caller is done."""
    with path.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        state = json.loads(path.read_text(encoding="utf-8")) if path.exists() else new_state()
        at_hand = Cloud(state, machines or Machines())
        try:
            yield at_hand
        finally:
            draft = path.with_suffix(".draft")
            draft.touch(mode=0o600)
            draft.write_text(json.dumps(at_hand.state), encoding="utf-8")
            draft.replace(path)


def main(words: list[str]) -> int:
    """Answer one call."""
    stdin = sys.stdin.read() if words[:2] == ["secrets", "import"] else ""
    try:
        arguments = Arguments(words)
    except UsageError as error:
        _log(0, words, "", stdin)
        sys.stderr.write(f"{error}\n")
        return 1
    machines = _machines()
    if arguments.verb in {"secrets import", "secrets unset"}:
        _minversion(arguments.app)
    with cloud(state_file(), machines) as at_hand:
        struck = faults.due(at_hand.state, arguments.verb, _faults(), faults.change(words), _asked_by())
        _log(at_hand.state["step"], words, arguments.verb, stdin)
        locked = arguments.verb not in UNLOCKED
        code, out, err = faults.call(at_hand, words, stdin, arguments.verb, struck) if locked else (0, "", "")
    _wait(struck)
    if any(fault["kind"] == "halt" for fault in struck):
        return _halt()
    if not locked:
        code, out, err = _unlocked(arguments, machines)
    elif arguments.verb == "deploy" and code == 0:
        code, err = _settle(arguments, machines)
    if any(fault["kind"] == "kill_caller" for fault in struck):
        os.kill(os.getppid(), signal.SIGKILL)
    sys.stdout.write(out)
    sys.stderr.write(err)
    sys.stdout.flush()
    return _never() if code is None else code


def _never() -> int:
    """Say nothing any more, as long as anybody could wait for it."""
    time.sleep(ENDLESS_SECONDS)
    return 1


def _wait(struck: list[dict[str, Any]]) -> None:
    for fault in struck:
        if fault["kind"] == "slow":
            time.sleep(fault["seconds"])


def _asked_by() -> str:
    """The driver's action, which is the last word of its command line."""
    try:
        return Path(f"/proc/{os.getppid()}/cmdline").read_text().rstrip("\0").rpartition("\0")[2]
    except OSError:
        return ""


def _halt() -> int:
    """Say nothing any more until whoever asked is gone."""
    asked_by, deadline = os.getppid(), time.monotonic() + 60
    Path(f"{state_file()}.halted").touch()
    while os.getppid() == asked_by and time.monotonic() < deadline:
        time.sleep(0.02)
    return 137


def _unlocked(arguments: Arguments, machines: Machines) -> tuple[int | None, str, str]:
    if arguments.verb == "logs":
        try:
            return 0, printed_logs(arguments, machines), ""
        except EndlessError:
            return None, "", ""
    from tests.fly.fake.containers import Containers

    if not isinstance(machines, Containers):
        return 1, "", "Error: this fake has no containers\n"
    if arguments.verb == "proxy":
        from tests.fly.fake.proxy import forward

        local, _, remote = arguments.positionals[0].partition(":")
        return forward(int(local), machines.ip(arguments.app), int(remote or local)), "", ""
    if arguments.verb == "ssh console":
        return entered(arguments, machines)
    return machines.execute(arguments.app, arguments.positionals[1])


def _settle(arguments: Arguments, machines: Machines) -> tuple[int, str]:
    """Wait for the checks, as a deployment does."""
    path, deadline = state_file(), time.monotonic() + 120
    while True:
        state = json.loads(path.read_text(encoding="utf-8"))
        red = [
            check
            for machine in state["machines"].values()
            if machine["app"] == arguments.app and machine["state"] == "started"
            for check in machines.checks(machine)
            if check["status"] != "passing"
        ]
        if not red or type(machines) is Machines:
            return 0, ""
        if time.monotonic() > deadline:
            return 1, f"Error: timeout reached waiting for health checks to pass: {red[0]['output']}\n"
        time.sleep(0.3)


def _machines() -> Machines:
    prefix = os.environ.get("FAKE_FLY_DOCKER")
    if not prefix:
        return Machines()
    from tests.fly.fake.containers import Containers

    edge = os.environ.get("FAKE_FLY_EDGE", "")
    return Containers(prefix, json.loads(os.environ.get("FAKE_FLY_PUBLIC", "{}")), edge)


def _minversion(app: str) -> None:
    """Note it in the command line's own file, as carelessly as the original: two at once lose entries."""
    folder = Path(os.environ.get("FLY_CONFIG_DIR") or state_file().with_suffix(".config"))
    folder.mkdir(exist_ok=True)
    file = folder / "config.yml"
    noted = json.loads(file.read_text()) if file.exists() else {}
    time.sleep(0.05)
    file.write_text(json.dumps({**noted, app: 1}))


def _faults() -> list[dict[str, Any]]:
    given = os.environ.get("FAKE_FLY_FAULTS", "[]")
    loaded: list[dict[str, Any]] = json.loads(given if given.startswith("[") else Path(given).read_text())
    return loaded


def _log(step: int, words: list[str], verb: str, stdin: str) -> None:
    digest = hashlib.sha256(stdin.encode()).hexdigest() if stdin else None
    entry: dict[str, Any] = {
        "step": step,
        "argv": words,
        "verb": verb,
        "writes": verb in WRITES,
        "stdin_sha256": digest,
    }
    if os.environ.get("FAKE_FLY_KEEP_STDIN"):
        entry["stdin"] = stdin
    with Path(f"{state_file()}.log").open("a", encoding="utf-8") as log:
        log.write(json.dumps(entry) + "\n")

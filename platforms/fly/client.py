"""One call of `fly` from the outside: bounded in time, retried when refused for haste, recorded, its failure named."""

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import evidence
from platforms.errors import PlatformError
from platforms.fly.argv import Command, Value
from platforms.fly.errors import AGAIN, STATUS, FlyError, RateLimitedError, TimedOutError, classify, plain
from platforms.fly.replies import Listed, many
from programs import executable

WAITS = (1, 2, 4, 8, 16)
"""Seconds before each further try after a refusal for haste."""
MAX_OUTPUT = 20_000
"""Characters of each stream that a transcript keeps: its end, where errors stand."""
CALL_SECONDS = 30
"""For one action that is called as a program."""
END_SECONDS = 3
ROOT = Path(__file__).parents[2]
MIN_VERSION = (0, 4, 6)
"""The first one that says of each secret whether it is staged."""
QUIET = {"NO_COLOR": "1", "FLY_NO_UPDATE_CHECK": "1"}
_LOOKS_SECRET = re.compile(
    r"""(?ix)
    (?P<keep>(?:password|passwd|secret|token|api_?key|access_?key|authorization)["']?\s*[=:]\s*["']?)(?:(?:bearer|basic)\s+)?[^\s"',}]+
    | (?P<scheme>://[^\s/:@]*:)[^\s/@]+(?=@)
    | \b(?:fo1_|fm[12]_|sk-|pk-lf-|sk-lf-)[\w./+=-]{6,}
    | \bFlyV1\s+\S+
    | \beyJ[\w-]{8,}\.[\w-]+\.[\w-]*
    """
)


@dataclass(frozen=True)
class Completed:
    """How a call ended. `code` is None when the time was up."""

    code: int | None
    stdout: str
    stderr: str
    seconds: float = 0.0


Call = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""Answers an action of `python -m platforms.fly`; raises `PlatformError`."""
Run = Callable[[Command, str], Completed]
"""Runs one command line with standard input; never raises because of how it ends."""


def run(command: Command, stdin: str, environment: Mapping[str, str] = os.environ) -> Completed:
    """Run `fly`, and kill it with its children when the time is up.

    Args:
        command: what to ask.
        stdin: standard input; the only way that secrets take.
        environment: FLY_BIN names another executable than `fly`.

    Raises:
        FlyError: there is no such program.
    """
    binary = executable("fly", environment)
    if not shutil.which(binary, path=environment.get("PATH")):
        raise FlyError(
            f"the Fly command line ({binary}) is not on PATH",
            "install it from https://fly.io/docs/flyctl/install/, or name it in FLY_BIN; then log in",
            "fly auth login",
        )
    started = time.monotonic()
    with (
        _alone(environment) if command.call.alone else nullcontext(),
        subprocess.Popen(
            [binary, *command.words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env={**environment, **QUIET},
            start_new_session=True,
        ) as process,
    ):
        code: int | None
        try:
            stdout, stderr = process.communicate(stdin, timeout=command.call.seconds)
            code = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            stdout, stderr = process.communicate()
            code = None
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return Completed(code, stdout, stderr, round(time.monotonic() - started, 3))


@contextmanager
def _alone(environment: Mapping[str, str]) -> Iterator[None]:
    """Be the only one on this machine who has `fly` rewrite its configuration file."""
    folder = Path(environment.get("FLY_CONFIG_DIR") or Path.home() / ".fly")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "langfuse-stack.lock").open("a", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True)
class Client:
    """Calls `fly` and leaves a transcript of each call.

    Args:
        runner: what runs a command line.
        known_secrets: values that no transcript and no message may show.
        sleep: waits that many seconds.
    """

    runner: Run = run
    known_secrets: Collection[str] = field(default=(), repr=False)
    sleep: Callable[[float], None] = time.sleep

    def __call__(self, verb: str, *, stdin: str = "", **values: Value) -> str:
        """What the call printed on standard output.

        Args:
            verb: what to ask, see `Command`.
            stdin: its standard input; never recorded.
            values: see `Command`.

        Raises:
            FlyError: it failed; the class says how.
            EvidenceError: its transcript could not be written.
        """
        return self.ask(Command(verb, **values), stdin)

    def ask(self, command: Command, stdin: str = "") -> str:
        """The same for a command line that is there already."""
        for wait in (*WAITS, None):
            completed = self._recorded(command, stdin)
            if completed.code == 0 or (completed.code is None and command.call.partial):
                return completed.stdout
            error = self._failure(command, completed)
            if wait is None or not isinstance(error, RateLimitedError):
                raise error
            self.sleep(wait)
        raise AssertionError("unreachable: the last wait is None")

    def all(self, model: type[Listed], app: str) -> Sequence[Listed]:
        """Everything of one kind that an app has.

        Raises:
            FlyError: it cannot be listed.
        """
        return many(model, self(model.LIST, app=app))

    def clean(self, text: str) -> str:
        """`text` without control sequences, known secrets and what looks like one."""
        text = evidence.redact(plain(text), self.known_secrets)
        return _LOOKS_SECRET.sub(lambda match: f"{match['keep'] or match['scheme'] or ''}…", text)

    def _recorded(self, command: Command, stdin: str) -> Completed:
        done = self.runner(command, stdin)
        hidden = f"… ({len(done.stdout)} characters, not kept)" if command.call.confidential else None
        content = {
            "argv": [self.clean(word) for word in ("fly", *command.words)],
            "exit_code": done.code,
            "seconds": done.seconds,
            "stdout": (hidden or self.clean(done.stdout))[-MAX_OUTPUT:],
            "stderr": self.clean(done.stderr)[-MAX_OUTPUT:],
        }
        evidence.record("command", f"fly {command.verb}", content)
        return done

    def _failure(self, command: Command, completed: Completed) -> FlyError:
        what = self.clean(str(command))
        if completed.code is None:
            return TimedOutError(f"{what}: no end after {command.call.seconds} s", f"{STATUS}, {AGAIN}")
        said = completed.stderr if command.call.confidential else f"{completed.stdout}\n{completed.stderr}"
        return classify(what, completed.code, self.clean(said), command.app)


def require_version(environment: Mapping[str, str] = os.environ) -> None:
    """Refuse a `fly` that is missing or too old.

    Raises:
        FlyError: says which version is there and which one is needed.
    """
    done = run(Command("version"), "", environment)
    if done.code != 0:
        raise classify("fly version --json", done.code or 0, f"{done.stdout}\n{done.stderr}")
    try:
        version = str(json.loads(done.stdout)["Version"])
    except (ValueError, KeyError, TypeError):
        version = "unknown"
    if tuple(map(int, re.findall(r"\d+", version)[:3])) < MIN_VERSION:
        needed = ".".join(map(str, MIN_VERSION))
        raise FlyError(
            f"the Fly command line is version {version}, and {needed} or later is needed",
            "upgrade it, or name another one in FLY_BIN",
            "fly version upgrade",
        )


def caller(variables: Mapping[str, str], seconds: float = CALL_SECONDS) -> Call:
    """Asks the platform's own command line, which can be ended.

    Args:
        variables: the environment that it runs in.
        seconds: for each call.
    """

    def call(action: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        argv = [sys.executable, "-m", "platforms.fly", action]
        with subprocess.Popen(
            argv,
            cwd=ROOT,
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                answer, said = process.communicate(json.dumps(request), timeout=seconds)
            except subprocess.TimeoutExpired:
                _end(process)
                raise PlatformError(f"fly {action} of {request['app']}: no end after {seconds:.0f} s") from None
        if process.returncode != 0:
            raise PlatformError(" ".join(said.split())[:300] or f"fly {action}: status {process.returncode}")
        found: Mapping[str, Any] = json.loads(answer)
        return found

    return call


def _end(process: "subprocess.Popen[str]") -> None:
    """Have it end what it runs, and itself."""
    process.send_signal(signal.SIGINT)
    try:
        process.communicate(timeout=END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()

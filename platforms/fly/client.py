"""One call of `fly` from the outside: retried when refused for haste, recorded, its failure given a name."""

import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import evidence
from platforms.fly.argv import Command
from platforms.fly.errors import AGAIN, STATUS, FlyError, RateLimitedError, TimedOutError, classify, plain
from platforms.fly.process import Completed, Run, run

WAITS = (1, 2, 4, 8, 16)
"""Seconds before each further try after a refusal for haste."""
LONGEST_OUTPUT = 20_000
"""Characters of each stream that a transcript keeps: its end, where errors stand."""
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

    def __call__(self, command: Command, stdin: str = "") -> str:
        """What the call printed on standard output.

        Args:
            command: what to ask.
            stdin: its standard input; never recorded.

        Raises:
            FlyError: it failed; the class says how.
            EvidenceError: its transcript could not be written.
        """
        for wait in (*WAITS, None):
            completed = self._recorded(command, stdin)
            if completed.code == 0 or (completed.code is None and command.spec.partial):
                return completed.stdout
            error = self._failure(command, completed)
            if wait is None or not isinstance(error, RateLimitedError):
                raise error
            self.sleep(wait)
        raise AssertionError("unreachable: the last wait is None")

    def clean(self, text: str) -> str:
        """`text` without control sequences, known secrets and what looks like one."""
        text = evidence.redact(plain(text), self.known_secrets)
        return _LOOKS_SECRET.sub(lambda match: f"{match['keep'] or match['scheme'] or ''}…", text)

    def _recorded(self, command: Command, stdin: str) -> Completed:
        completed = self.runner(command, stdin)
        evidence.record(
            "command",
            " ".join(("fly", *command.name)),
            {
                "argv": [self.clean(word) for word in ("fly", *command.words)],
                "exit_code": completed.code,
                "seconds": completed.seconds,
                "stdout": self._shown(command, completed.stdout)[-LONGEST_OUTPUT:],
                "stderr": self.clean(completed.stderr)[-LONGEST_OUTPUT:],
            },
        )
        return completed

    def _shown(self, command: Command, stdout: str) -> str:
        return f"… ({len(stdout)} characters, not kept)" if command.spec.confidential else self.clean(stdout)

    def _failure(self, command: Command, completed: Completed) -> FlyError:
        what = self.clean(str(command))
        if completed.code is None:
            return TimedOutError(f"{what}: no end after {command.spec.seconds} s", f"{STATUS}, {AGAIN}")
        said = completed.stderr if command.spec.confidential else f"{completed.stdout}\n{completed.stderr}"
        return classify(what, completed.code, self.clean(said), command.app or "APP")

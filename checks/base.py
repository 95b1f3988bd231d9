"""How every check runs: a deadline, retries with backoff, and an error that says what to do.

A check is a dynamic resource. It runs when it is created and again whenever an input it declares in `keys`
changed; otherwise it is unchanged and costs nothing. A failing check fails `pulumi up`, and whatever depends
on it is not started.
"""

import atexit
import ctypes
import gc
import importlib
import queue
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Generic, TypeVar
from urllib.parse import quote, quote_plus, unquote

import pulumi
from pulumi import dynamic

from checks import trust, tunnels
from evidence import EvidenceError, record
from programs import command
from secretlike import masked

Inputs = Mapping[str, Any]
Evidence = dict[str, Any]
T = TypeVar("T")

# Program and provider both import this, and the engine waits until either has ended. Python would first look for cycles
# in all that they made, for a fifth of a second, only to give all of it back.
atexit.register(gc.freeze)

_importing = threading.Lock()

FIRST_PAUSE_SECONDS = 0.1
MAX_PAUSE_SECONDS = 1.0
GRACE_SECONDS = 15.0
"""What a probe under way at the deadline is given: longer than a driver waits, and drivers know what they wait for."""
INSIST_SECONDS = 0.5
LOG_SECONDS = 20
QUOTED_LINES, QUOTED_CHARACTERS = 3, 300
RESTARTS_TO_GIVE_UP = 5
"""Of a service while a check waits for it."""
LOG_CHARACTERS = 100_000
RESUME = "\n    then: run the same command again; what is proven stays, and nothing after this gate was started"
KNOWN_IDENTITY = "known_identity"
"""Input of a probe: which stores the check saw when it was proven last, or None. Never stored."""
Identity = Mapping[str, str]
"""Part of a store to what tells it from any other: it travels with the data, and an empty store has another or none."""
LONG_HEX = re.compile(r"\b[0-9a-f]{32,}\b", re.IGNORECASE)
URL_PASSWORD = re.compile(r"://[^:/]*:(?P<password>.*)@", re.DOTALL)


class CheckFailedError(Exception):
    """Something is not as it must be.

    Args:
        probe: the query or request that was made.
        seen: what came back; never a secret.
        fix: what the operator does about it.
        final: True when waiting cannot help, so that no time is spent on retries.
    """

    def __init__(self, probe: str, seen: str, fix: str, *, final: bool = False) -> None:
        super().__init__(f"{probe}\n    seen: {seen}\n    fix:  {fix}")
        self.probe, self.seen, self.fix, self.final = probe, seen, fix, final


def until_healthy(probe: Callable[[], T], *, deadline_seconds: float) -> T:
    """Call `probe` until it succeeds. Always comes back, even when the probe itself does not.

    Raises:
        CheckFailedError: the last failure, once the deadline has passed or at once when it is final.
    """
    give_up = time.monotonic() + deadline_seconds
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            return _bounded(probe, max(give_up - time.monotonic(), 0) + GRACE_SECONDS)
        except CheckFailedError as failure:
            if failure.final or time.monotonic() + pause > give_up:
                raise
        time.sleep(pause)
        pause = min(pause * 1.5, MAX_PAUSE_SECONDS)


def assert_same_store(known: Identity | None, seen: Identity) -> None:
    """Refuse a store that is not the one that was proven before.

    Args:
        known: what was seen then; None when it never was.
        seen: what is there now.

    Raises:
        CheckFailedError: a part of the store is another one, or gone.
    """
    for part, was in (known or {}).items():
        now_there = seen.get(part)
        if now_there is None:
            raise _lost(part, f"was present, now missing: {was}")
        if now_there != was:
            raise _lost(part, f"the volume holds another server's data: was {was}, now {now_there}")


def _lost(part: str, finding: str) -> CheckFailedError:
    return CheckFailedError(
        f"identity of {part}",
        finding,
        "bring back the volume, or a backup together with its identity (docs/data-safety.md, Another or an empty "
        "store); nothing was written here",
        final=True,
    )


def retry_sequence(first: Callable[[], object], second: Callable[[], T], *, deadline_seconds: float) -> T:
    """Call `first` until it succeeds, then `second`, both within one deadline; what `second` returned.

    Raises:
        CheckFailedError: as `until_healthy`.
    """
    give_up = time.monotonic() + deadline_seconds
    until_healthy(first, deadline_seconds=deadline_seconds)
    return until_healthy(second, deadline_seconds=give_up - time.monotonic())


def _bounded(probe: Callable[[], T], seconds: float) -> T:
    """What `probe` returns or raises, or the finding that it did neither within `seconds`.

    A probe that is given up goes no further: whenever what it waits for answers, it ends there.
    """
    attempt = _Attempt(probe)
    attempt.start()
    try:
        result, error = attempt.outcomes.get(timeout=seconds)
    except queue.Empty:
        attempt.interrupt()
        threading.Thread(target=attempt.insist, daemon=True).start()
        raise CheckFailedError(
            "the check itself",
            f"no end after {seconds:.0f} s: something takes connections and does not answer",
            "see whether the server is paused, or out of memory or disk, and its log",
            final=True,
        ) from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]


class AbandonedError(BaseException):
    """Raised inside a probe that was given up; no handler of ordinary errors takes it for one of them."""


class _Attempt(threading.Thread, Generic[T]):
    """One call of a probe, in a thread that can be made to go no further."""

    def __init__(self, probe: Callable[[], T]) -> None:
        super().__init__(daemon=True)
        self.outcomes: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()
        self._probe = probe
        self._called = self._ended = False
        # Held while the thread is interrupted: it does not end meanwhile, and no later one is given its number.
        self._ending = threading.Lock()

    def run(self) -> None:
        """Call the probe, and end where nobody can interrupt any more."""
        while True:
            try:
                if not self._called:
                    self._called = True
                    self.outcomes.put(self._outcome())
                with self._ending:
                    self._ended = True
                    self._raise(None)
            except AbandonedError:
                continue
            return

    def interrupt(self) -> None:
        """Raise inside the probe as soon as it takes another step."""
        with self._ending:
            if self.is_alive() and not self._ended:
                self._raise(AbandonedError)

    def insist(self) -> None:
        """Interrupt until it has ended: a library may take the first time for an error of its own."""
        while self.is_alive():
            self.join(INSIST_SECONDS)
            self.interrupt()

    def _outcome(self) -> tuple[T | None, BaseException | None]:
        try:
            return self._probe(), None
        except BaseException as error:
            return None, error

    def _raise(self, error: type[BaseException] | None) -> None:
        given = None if error is None else ctypes.py_object(error)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.ident or 0), given)


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def first_line(error: BaseException) -> str:
    """The first line of an error, without the driver's stack; what the system said, if that is the cause."""
    cause = next((link for link in reversed(list(_causes(error))) if isinstance(link, OSError)), error)
    lines = str(cause).strip().splitlines()
    return f"{type(cause).__name__}: {lines[0][:300]}" if lines else type(cause).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and what led to it."""
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__


def without_secrets(text: str, secrets: Sequence[str]) -> str:
    """`text` with every secret replaced by `…`; of a URL, its password is the secret."""
    for secret in secrets:
        url = URL_PASSWORD.search(secret)
        value = (url["password"] if url else secret).strip()
        for form in {value, unquote(value), quote(value, safe=""), quote_plus(value)} - {""}:
            text = text.replace(form, "…")
    return text


def _quoted(log: str) -> list[str]:
    """The last lines of a log, as they may be shown: a service's own words, without what looks like a secret."""
    lines = [line.strip() for line in log.splitlines() if line.strip()][-QUOTED_LINES:]
    return [LONG_HEX.sub("…", masked(line))[:QUOTED_CHARACTERS] for line in lines]


def _restarts(inputs: Inputs) -> int:
    """How often the platform has started the service again by itself; 0 where it does not say."""
    argv = inputs.get("restarts")
    if not argv:
        return 0
    try:
        ran = subprocess.run(
            command(argv), stdin=subprocess.DEVNULL, capture_output=True, timeout=LOG_SECONDS, check=False
        )
        return int(ran.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0


class CheckProvider(dynamic.ResourceProvider):
    """Runs one kind of check. Subclasses are stateless, so the engine stores a reference to the class alone."""

    serialize_as_secret_always = False
    keys: ClassVar[Sequence[str]] = ()
    """Inputs whose change makes the check run again."""
    label: ClassVar[str]
    """Name of the gate in messages."""
    secrets: ClassVar[Sequence[str]] = ()
    """Inputs whose values are kept out of every message, whatever a driver or server puts into its errors."""
    libraries: ClassVar[Sequence[str]] = ()
    """Modules the probe needs. Loaded here, one at a time: checks run in threads, and Python lets two threads that
    import a package with inner cycles see it half made."""

    def configure(self, req: dynamic.ConfigureRequest) -> None:
        """Believe the authorities that the settings name."""
        if bundle := req.config.get(trust.SETTING):
            trust.believe(bundle)

    def prove(self, inputs: Inputs, deadline_seconds: float) -> Evidence:
        """Prove it, trying again until the deadline.

        Raises:
            CheckFailedError: it could not be proven, with the last thing seen.
        """
        before = _restarts(inputs)

        def once() -> Evidence:
            try:
                return self.probe(inputs)
            except CheckFailedError as failure:
                again = _restarts(inputs) - before
                if again < RESTARTS_TO_GIVE_UP:
                    raise
                seen = f"{failure.seen}; the service was started again {again} times meanwhile, and ends each time"
                raise CheckFailedError(failure.probe, seen, failure.fix, final=True) from None

        return until_healthy(once, deadline_seconds=deadline_seconds)

    def probe(self, inputs: Inputs) -> Evidence:
        """Prove it once.

        Raises:
            CheckFailedError: it is not so.
        """
        raise NotImplementedError

    def run(self, inputs: Inputs, known: Identity | None = None) -> dict[str, Any]:
        """Prove it within the deadline; returns the resource's outputs.

        Args:
            inputs: of the resource.
            known: the store it was proven against before. A check whose evidence has an `identity` is open only to the
                same one; a probe that writes looks at it first, in the input `known_identity`.

        Raises:
            GateClosedError: it could not be proven, with the last thing seen.
        """
        deadline = float(inputs["deadline_seconds"])
        started = time.monotonic()
        with _importing:
            for name in (*self.libraries, *(("psutil",) if inputs.get("tunnels") else ())):
                importlib.import_module(name)
        try:
            evidence = self._reached({**inputs, KNOWN_IDENTITY: known}, deadline)
            assert_same_store(known, evidence.get("identity") or {})
        except Exception as failure:
            seen = str(failure) if isinstance(failure, CheckFailedError) else first_line(failure)
            waited = time.monotonic() - started
            message = f"{self.label}: not proven after {waited:.0f} s (deadline {deadline:.0f} s): {seen}"
            message += self._log(inputs) + RESUME
            shown = without_secrets(message, [str(inputs[name]) for name in self.secrets])
            lost = self._recorded("failed", waited, {"message": shown})
            raise GateClosedError(f"{shown}\n    {lost}" if lost else shown) from None
        lost = self._recorded("ok", time.monotonic() - started, {"evidence": evidence})
        if lost:
            raise GateClosedError(f"{self.label}: proven, but {lost}")
        return {**inputs, "result": "ok", "evidence": evidence, "checked_at": now()}

    def _recorded(self, result: str, seconds: float, seen: Inputs) -> str:
        """Record an outcome; what to say when that is impossible, which closes the gate whatever was seen."""
        try:
            record("gate", self.label, {"result": result, "seconds": round(seconds, 3), **seen})
        except EvidenceError as error:
            return str(error)
        return ""

    def _reached(self, inputs: Inputs, deadline_seconds: float) -> Evidence:
        """Prove it through the tunnels that the inputs name; findings and evidence show the real addresses."""
        commands = inputs.get("tunnels") or {}
        if not commands:
            return self.prove(inputs, deadline_seconds)
        with tunnels.opened(commands) as (to_local, to_remote):
            try:
                return dict(to_remote(self.prove(to_local(inputs), deadline_seconds)))
            except CheckFailedError as failure:
                seen = to_remote([failure.probe, failure.seen, failure.fix])
                raise CheckFailedError(*seen, final=failure.final) from None

    def _log(self, inputs: Inputs) -> str:
        """Keep the end of the service's own log beside a failure; where it is, in words."""
        argv = inputs.get("logs")
        if not argv:
            return ""
        try:
            ran = subprocess.run(
                command(argv), stdin=subprocess.DEVNULL, capture_output=True, timeout=LOG_SECONDS, check=False
            )
            text = (ran.stdout + ran.stderr).decode(errors="replace")
        except subprocess.TimeoutExpired as late:
            text = (late.stdout or b"").decode(errors="replace")
        except OSError as error:
            text = first_line(error)
        text = without_secrets(text[-LOG_CHARACTERS:], [str(inputs[name]) for name in self.secrets])
        try:
            path = record("log", self.label, {"command": list(argv), "text": text})
        except EvidenceError as error:
            return f"\n    log:  {error}"
        return "\n    log:  ".join(["", str(path or " ".join(argv)), *_quoted(text)])

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        outputs = {**props, "result": "stopped", "evidence": {}} if self._is_stopped(props) else self.run(props)
        return dynamic.CreateResult(id_=self.label, outs=outputs)

    def update(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.UpdateResult:
        return dynamic.UpdateResult(outs=self.run(news, (olds.get("evidence") or {}).get("identity")))

    def _is_stopped(self, inputs: Inputs) -> bool:
        """Whether what it watches is stopped: there is nothing to prove, and what it knows is kept."""
        return "watch" in self.keys and inputs.get("watch") is None

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
        """A changed key updates; nothing ever replaces."""
        changed = not self._is_stopped(news) and any(olds.get(key) != news.get(key) for key in self.keys)
        return dynamic.DiffResult(changes=changed, replaces=[])


class DataProvider(CheckProvider):
    """Creates data that is absent, adopts data that exists, and never deletes any."""

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Refuse.

        Raises:
            GateClosedError: always.
        """
        raise GateClosedError(f"{self.label}: {_id} holds data and is never deleted")


class GateClosedError(Exception):
    """A gate did not open; the message is complete and free of secrets."""


class CheckResource(dynamic.Resource):
    """A gate: what depends on it starts only when it is proven.

    Args:
        name: logical name.
        inputs: what to look at; secrets are passed as secret outputs.
        opts: what must be proven before.
        deadline_seconds: how long it may take to become true.
    """

    provider: ClassVar[type[CheckProvider]]
    result: pulumi.Output[str]
    """`ok`; a check that is not ok fails the update instead of having a result."""
    evidence: pulumi.Output[Evidence]
    """What was seen, free of secrets."""
    checked_at: pulumi.Output[str]
    """UTC, ISO 8601."""
    gate_name: str
    """Logical name."""

    def __init__(self, name: str, inputs: Inputs, opts: pulumi.ResourceOptions, deadline_seconds: float = 120) -> None:
        self.gate_name = name
        outputs = {"result": None, "evidence": None, "checked_at": None}
        properties = {**inputs, **outputs, "deadline_seconds": deadline_seconds}
        super().__init__(self.provider(), name, properties, opts)

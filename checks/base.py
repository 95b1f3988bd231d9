"""How every check runs: a deadline, retries with backoff, and an error that says what to do.

A check is a dynamic resource. It runs when it is created and again whenever an input it declares in `keys`
changed; otherwise it is unchanged and costs nothing. A failing check fails `pulumi up`, and whatever depends
on it is not started.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

import pulumi
from pulumi import dynamic

Inputs = Mapping[str, Any]
Evidence = dict[str, Any]
T = TypeVar("T")

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 1.0


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
    """Call `probe` until it succeeds.

    Raises:
        CheckFailedError: the last failure, once the deadline has passed or at once when it is final.
    """
    give_up = time.monotonic() + deadline_seconds
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            return probe()
        except CheckFailedError as failure:
            if failure.final or time.monotonic() + pause > give_up:
                raise
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def brief(error: BaseException) -> str:
    """The first line of an error, without the driver's stack."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


class CheckProvider(dynamic.ResourceProvider):
    """Runs one kind of check. Subclasses are stateless, so the engine stores a reference to the class alone."""

    serialize_as_secret_always = False
    keys: ClassVar[Sequence[str]] = ()
    """Inputs whose change makes the check run again."""
    label: ClassVar[str]
    """Name of the gate in messages."""

    def prove(self, inputs: Inputs, deadline_seconds: float) -> Evidence:
        """Prove it, trying again until the deadline.

        Raises:
            CheckFailedError: it could not be proven, with the last thing seen.
        """
        return until_healthy(lambda: self.probe(inputs), deadline_seconds=deadline_seconds)

    def probe(self, inputs: Inputs) -> Evidence:
        """Prove it once.

        Raises:
            CheckFailedError: it is not so.
        """
        raise NotImplementedError

    def run(self, inputs: Inputs) -> dict[str, Any]:
        """Prove it within the deadline; returns the resource's outputs.

        Raises:
            GateClosedError: it could not be proven, with the last thing seen.
        """
        deadline = float(inputs["deadline_seconds"])
        started = time.monotonic()
        try:
            evidence = self.prove(inputs, deadline)
        except CheckFailedError as failure:
            waited = time.monotonic() - started
            raise GateClosedError(
                f"{self.label}: not proven after {waited:.0f} s of {deadline:.0f} s: {failure}"
            ) from None
        return {**inputs, "result": "ok", "evidence": evidence, "checked_at": now()}

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        return dynamic.CreateResult(id_=self.label, outs=self.run(props))

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> dynamic.UpdateResult:
        return dynamic.UpdateResult(outs=self.run(news))

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
        """A changed key updates; nothing ever replaces."""
        changed = any(olds.get(key) != news.get(key) for key in self.keys)
        return dynamic.DiffResult(changes=changed, replaces=[])


class DataProvider(CheckProvider):
    """Makes data that is absent, adopts data that is there, and never takes any away."""

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

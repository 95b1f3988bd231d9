"""What the relay costs on the way of a trace, and how much it takes."""

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx

from bench.results import Row
from bench.rig import Rig
from bench.series import Spread
from bench.traces import time_to_trace
from ops.session import OpsError
from ops.smoke import access

BUDGET_MILLISECONDS = 2000
SENDERS = 8
EXPORTS = 1000
DRAIN_SECONDS = 120


def through_the_relay(rig: Rig, calls: int) -> list[Row]:
    """A trace's way by the relay and past it, and the exports that the relay takes in a second.

    Raises:
        OpsError: a trace did not become readable, or an export was refused.
    """
    by_relay = time_to_trace(rig, calls, budget=BUDGET_MILLISECONDS)
    taken = _taken(rig)
    settings = rig.session.config_file
    kept = settings.read_text(encoding="utf-8")
    settings.write_text(f"{kept}  gateway:relayed: false\n", encoding="utf-8")
    try:
        _up_as_settings_are_now(rig)
        past_it = time_to_trace(rig, calls, name="the same, past the relay")
    finally:
        settings.write_text(kept, encoding="utf-8")
        _up_as_settings_are_now(rig)
    return [*by_relay, *past_it, *taken]


def _up_as_settings_are_now(rig: Rig) -> None:
    rig.session = replace(rig.session)  # it reads its settings once
    rig.up()


def _taken(rig: Rig) -> list[Row]:
    with access(rig.session) as to:
        if to.relay is None:
            raise OpsError("the gateway sends past the relay")
        relay = to.relay
        with httpx.Client(auth=(relay.public_key, relay.secret_key), trust_env=False, timeout=30) as client:

            def send(_: int) -> float:
                began = time.monotonic()
                client.post(relay.url, json=_export()).raise_for_status()
                return (time.monotonic() - began) * 1000

            began = time.monotonic()
            with ThreadPoolExecutor(SENDERS) as pool:
                answers = list(pool.map(send, range(EXPORTS)))
            taken = time.monotonic() - began
            while relay.takes().waiting and time.monotonic() - began < DRAIN_SECONDS:
                time.sleep(0.1)
            drained = time.monotonic() - began
    note = f"{EXPORTS} exports of one span, {SENDERS} at a time, {EXPORTS / drained:.0f} a second until web had all"
    return [
        Row("exports that the relay takes in a second", Spread.of([EXPORTS / taken]), "/s", note=note),
        Row("the relay's answer", Spread.of(answers), "ms"),
    ]


def _export() -> dict[str, object]:
    now = time.time_ns()
    span = {
        "traceId": secrets.token_hex(16),
        "spanId": secrets.token_hex(8),
        "name": "bench",
        "startTimeUnixNano": str(now),
        "endTimeUnixNano": str(now + 1000),
        "attributes": [{"key": "langfuse.observation.input", "value": {"stringValue": "x" * 2000}}],
    }
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}

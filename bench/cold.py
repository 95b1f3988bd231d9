"""From nothing but images to a healthy stack: the program against Docker Compose."""

import json
import time
from functools import partial

from bench.compose_cli import compose_command
from bench.health import announcements
from bench.peer import Declared, compose_document
from bench.results import Row
from bench.rig import HERE, Rig
from bench.series import Rounds, seconds
from ops.state import read_state
from toolchain.report import Report

OURS, RETURNED, PEER, AGAIN, PEER_AGAIN = "up", "up returned", "compose", "up again", "compose again"


def cold_start(rig: Rig, rounds: int) -> list[Row]:
    """Both sides in turns, each from an empty state; leaves the program's stack up.

    Raises:
        OpsError: one of the sides does not come up.
    """
    compose = [*compose_command(Report()), "--project-name", rig.instance]
    taken: dict[str, list[float]] = {name: [] for name in (OURS, RETURNED, PEER, PEER_AGAIN)}
    _, _ = _program(rig)  # brings the images into the page cache, and says what Compose has to put up
    services = rig.folder / "services.yaml"
    services.touch(mode=0o600)
    declared = Declared(read_state(rig.session, show_secrets=True))
    services.write_text(json.dumps(compose_document(declared)), encoding="utf-8")
    put_up = [*compose, "--file", str(services), "--file", str(HERE / "compose.yaml"), "up", "--detach", "--wait"]
    for _ in range(rounds):
        rig.clear()
        taken[PEER].append(seconds(partial(rig.run, put_up)))
        taken[PEER_AGAIN].append(seconds(partial(rig.run, put_up)))
        rig.clear()
        healthy, returned = _program(rig)
        taken[OURS].append(healthy)
        taken[RETURNED].append(returned)
    result = Rounds(taken)
    return [
        Row(
            "cold up until healthy ÷ docker compose up --wait",
            result.ratio(OURS, PEER),
            budget=1,
            note=f"{result.spread(OURS).median:.1f} s, {result.spread(PEER).median:.1f} s",
        ),
        Row(
            "cold up until it returns", result.spread(RETURNED), "s", note="every gate and the end-to-end proof passed"
        ),
        Row("no-op docker compose up --wait", result.spread(PEER_AGAIN), "s", note="runs its jobs again"),
    ]


def _program(rig: Rig) -> tuple[float, float]:
    """Seconds until the last container was healthy, and until `up` returned."""
    rig.new_stack()
    with announcements(rig.instance, rig.environment) as heard:
        started = time.time_ns()
        returned = seconds(rig.up)
        return heard.seconds_until_all(rig.session, started), returned

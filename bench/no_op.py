"""What a run of the whole stack costs in which nothing changes."""

import subprocess
from functools import partial

from bench.commands import PACK, Program, preview, up
from bench.memory import peak_megabytes
from bench.results import Row
from bench.rig import ROOT, Rig
from bench.series import Rounds, Spread, in_turns
from ops.plan import gated_plan
from ops.terminal import Console

EMPTY = "empty"


def whole_stack(rig: Rig, empty: Program, rounds: int) -> list[Row]:
    """Preview, `up` and the policy pack, on the stack that is up."""
    plain, packed, update = preview(rig.session), preview(rig.session, *PACK), up(rig.session, *PACK)
    taken = in_turns(
        {
            "empty up": partial(empty.no_op, ["up", "--yes"], EMPTY),
            "make up": rig.no_op_up,
            "preview with pack": partial(rig.run, packed),
            "empty preview": partial(empty.no_op, ["preview"], EMPTY),
            "preview": partial(rig.run, plain),
            "gated preview": partial(gated_plan, rig.session, Console(quiet=True)),
        },
        rounds,
    )
    # Afterwards: it writes the state anew, and `make up` would have to go to the engine once more.
    plain_up = in_turns(
        {"empty up": partial(empty.no_op, ["up", "--yes"], EMPTY), "up with pack": partial(rig.run, update)}, rounds
    )
    return [
        Row(
            "no-op preview, with pack ÷ empty preview",
            taken.ratio("preview with pack", "empty preview"),
            budget=3,
            note=both(taken, "preview with pack", "empty preview"),
        ),
        Row(
            "no-op make up, with pack and gate ÷ empty up",
            taken.ratio("make up", "empty up"),
            budget=3,
            note=both(taken, "make up", "empty up"),
        ),
        Row(
            "no-op plain pulumi up, with pack ÷ empty up",
            plain_up.ratio("up with pack", "empty up"),
            note=both(plain_up, "up with pack", "empty up"),
        ),
        Row(
            "pack and gate alone ÷ empty preview",
            taken.share("gated preview", "preview", "empty preview"),
            budget=0.6,
            note=both(taken, "gated preview", "preview"),
        ),
    ]


def memory(rig: Rig, rounds: int) -> list[Row]:
    """Peak memory of engine, plugins, program and pack together."""
    argv = up(rig.session, *PACK)

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            argv,
            cwd=ROOT,
            env=rig.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    peaks = [peak_megabytes(start) for _ in range(rounds)]
    return [Row("peak memory of a no-op up", Spread.of(peaks), "MB", note="engine, plugins, program, pack")]


def both(taken: Rounds, one: str, other: str) -> str:
    """The absolute numbers behind a comparison."""
    return f"{taken.spread(one).median:.2f} s, {taken.spread(other).median:.2f} s"

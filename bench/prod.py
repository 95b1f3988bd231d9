"""What `make up` of stack `prod` costs where nothing changes: the real driver, on a fake Fly with real containers."""

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.commands import Program
from bench.no_op import EMPTY, both
from bench.results import Row
from bench.rig import HERE, ROOT, Rig
from bench.series import Spread, in_turns
from ops.session import OpsError
from tests.fly.rehearsal import Rehearsal, rehearsal

COUNTER = HERE / "interpreters"


def no_op(rig: Rig, empty: Program, rounds: int) -> list[Row]:
    """`make up` on a stack that is up, and how many interpreters that and the first run started.

    Raises:
        OpsError: a run failed.
    """
    folder = rig.folder / "prod"
    folder.mkdir()
    with rehearsal(folder) as made:
        counted = folder / "interpreters"
        paths = os.pathsep.join((str(COUNTER), str(ROOT)))
        prod = replace(made, variables={**made.variables, "BENCH_INTERPRETERS": str(counted), "PYTHONPATH": paths})
        _up(prod)
        first = _started(counted)
        taken = in_turns(
            {"empty up": partial(empty.no_op, ["up", "--yes"], EMPTY), "make up": partial(_up, prod)}, rounds
        )
        each = _started(counted) / (rounds + 1)
    return [
        Row(
            "no-op make up of prod ÷ empty up",
            taken.ratio("make up", "empty up"),
            note=both(taken, "make up", "empty up"),
        ),
        Row("interpreters of a no-op make up of prod", Spread.of([each]), "", note=f"{first} of a first one"),
    ]


def _up(prod: Rehearsal) -> None:
    run = prod.ops("up")
    if run.code != 0:
        raise OpsError(f"prod did not come up: {run.output[-3000:]}")


def _started(counted: Path) -> int:
    """Interpreters since the last look."""
    lines = counted.read_text(encoding="utf-8").splitlines() if counted.exists() else []
    counted.unlink(missing_ok=True)
    return len(lines)

"""`status --capacity`: how much of what the stack can take is taken, and what to change before it is too little."""

import sys
from pathlib import Path

from ops.answer import answer
from ops.capacity import report
from ops.capacity.access import access
from ops.capacity.advice import Advice
from ops.capacity.judge import judge
from ops.capacity.measure import measure
from ops.failure import explained
from ops.session import open_session
from ops.terminal import Console, waiting

ENOUGH, FINDINGS, COULD_NOT_MEASURE = 0, 1, 2


def capacity(stack: str, config_file: Path | None, *, as_json: bool) -> None:
    """Measure the stack; exits 0 when all is enough, 1 when something calls for a change, 2 when some was not seen.

    Args:
        stack: which one.
        config_file: its settings.
        as_json: print JSON.
    """
    with explained(COULD_NOT_MEASURE, as_json=as_json), access(open_session(stack, config_file)) as to:
        with waiting.on("measurements"):
            found = measure(to)
        findings = judge(found, Advice(to.platform), to.limits)
    if as_json:
        answer(report.as_dict(found, findings))
    else:
        report.show(found, findings, Console())
    sys.exit(FINDINGS if findings else COULD_NOT_MEASURE if found.unseen else ENOUGH)

"""`retention`: what old data there is and what would be done about it, without doing it."""

from pathlib import Path

from ops.answer import answer
from ops.backup.access import access
from ops.evidence import recorded
from ops.failure import FAILED, explained
from ops.retention import report
from ops.retention.plan import plan
from ops.retention.support import support
from ops.session import RefusedError, open_session
from ops.terminal import Console, waiting


def retention(stack: str, config_file: Path | None, *, days: int, apply: bool, as_json: bool) -> None:
    """Show what a retention would take away; applying it is refused, with the plan and the reason.

    Args:
        stack: which one.
        config_file: its settings.
        days: that would be kept.
        apply: what is refused.
        as_json: print JSON.

    Raises:
        OpsError: a store does not answer.
        SystemExit: it was to be applied.
    """
    session = open_session(stack, config_file)
    console = Console(stderr=as_json)
    with access(session) as to, waiting.on("the stores") as progress:
        found, database = plan(to, days, progress=progress), to.database
    supported = support(session.settings)
    document = report.as_dict(found, supported, database)
    refusal = f"a retention is not applied, and nothing was changed. {report.REASONS}"
    if as_json:
        answer({**document, "error": refusal} if apply else document)
    else:
        report.show(found, supported, console)
    if apply:
        asked = {"asked": "retention --apply", "days": days, "rows": found.rows, "bytes": found.size}
        with explained(FAILED, as_json=False), recorded(session, "refused", asked):
            raise RefusedError(refusal)

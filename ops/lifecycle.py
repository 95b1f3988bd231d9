"""`up`, `preview` and `down`: the engine, with everything around it that makes a run safe to repeat."""

import sys
from pathlib import Path

from rich.console import Console

from checks.base import CheckFailedError
from ops import report
from ops.evidence import recorded, transcribed
from ops.preflight import preflight
from ops.recover import exclusive, recover
from ops.session import ROOT, OpsError, RefusedError, Session, open_session
from ops.smoke import access

ENFORCED = ("--suppress-outputs", "--policy-pack", str(ROOT / "policy"))
UP = ("up", "--yes", *ENFORCED)


def up(stack: str, config_file: Path | None) -> None:
    """Put the stack up and prove it end to end.

    Raises:
        OpsError: the machine is not ready, or a gate did not open.
    """
    console = Console()
    session = open_session(stack, config_file)
    report.resolve_images(session, console)
    with recorded(session, "langfuse_self_host_executed") as run:
        with exclusive(session):
            session.create()
            recover(session, console)
            preflight(session)
            converge(session)
        with access(session) as to:
            report.follow(to, console)
        try:
            run.facts["checks"] = report.summary(session, console)
        except CheckFailedError as failure:
            raise OpsError(str(failure)) from None


def preview(stack: str, config_file: Path | None) -> None:
    """Show what `up` would do.

    Raises:
        OpsError: the preview failed, for example at a policy.
    """
    console = Console()
    session = open_session(stack, config_file)
    report.resolve_images(session, console)
    session.create()
    _exit_unless_done(session, session.run(session.with_config("preview", *ENFORCED)))


def down(stack: str, config_file: Path | None) -> None:
    """Remove the containers and the network; keep everything that holds data.

    Raises:
        OpsError: the engine failed.
    """
    console = Console()
    session = open_session(stack, config_file)
    with recorded(session, "down"), exclusive(session):
        if not session.exists():
            raise RefusedError(f"there is no stack {stack}: nothing is up")
        recover(session, console)
        converge(session, running=False)
    console.print("Nothing runs any more; every volume, bucket, schema and secret is kept. `make up` starts again.")


def converge(session: Session, **overrides: bool) -> None:
    """Let the engine make the stack what the program says, in a recorded run; exits with its code if it fails.

    Args:
        session: the stack, held by `exclusive`.
        overrides: settings `langfuse-stack:<name>` for this run only.
    """
    _exit_unless_done(session, transcribed("pulumi up", session.with_config(*UP, **overrides), session.run))


def _exit_unless_done(session: Session, code: int) -> None:
    if code != 0:
        session.check_passphrase()
        sys.exit(code)

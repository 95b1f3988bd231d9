"""`up`, `preview` and `down`: the engine, with everything around it that makes a run safe to repeat."""

import sys
from pathlib import Path

from rich.console import Console

from ops import report
from ops.preflight import preflight
from ops.recover import exclusive, recover
from ops.session import ROOT, OpsError, Session, open_session
from ops.smoke import access
from toolchain.paths import state_dir

POLICY_PACK = str(ROOT / "policy")


def up(stack: str, config_file: Path | None) -> None:
    """Put the stack up and prove it end to end.

    Raises:
        OpsError: the machine is not ready, or a gate did not open.
    """
    console = Console()
    session = open_session(stack, config_file)
    report.resolve_images(session, console)
    with exclusive(session):
        _ensure_stack(session)
        recover(session, console)
        preflight(session)
        _engine(session, session.with_config("up", "--yes", "--suppress-outputs", "--policy-pack", POLICY_PACK))
    report.follow(access(session), console)
    report.summary(session, console)


def preview(stack: str, config_file: Path | None) -> None:
    """Show what `up` would do.

    Raises:
        OpsError: the preview failed, for example at a policy.
    """
    console = Console()
    session = open_session(stack, config_file)
    report.resolve_images(session, console)
    _ensure_stack(session)
    _engine(session, session.with_config("preview", "--suppress-outputs", "--policy-pack", POLICY_PACK))


def down(stack: str, config_file: Path | None) -> None:
    """Remove the containers and the network; keep everything that holds data.

    Raises:
        OpsError: the engine failed.
    """
    console = Console()
    session = open_session(stack, config_file)
    with exclusive(session):
        if not session.exists():
            raise OpsError(f"there is no stack {stack}: nothing is up")
        recover(session, console)
        stopped = _stopped_settings(session)
        _engine(
            session, session.with_config("up", "--yes", "--suppress-outputs", "--policy-pack", POLICY_PACK, file=stopped)
        )
    console.print("Containers are gone; every volume, bucket, schema and secret is kept. `make up` starts again.")


def _ensure_stack(session: Session) -> None:
    if not session.exists():
        session.text(["pulumi", "stack", "init", session.stack, "--non-interactive"])


def _stopped_settings(session: Session) -> Path:
    """The stack's settings with `running: false`, beside the committed ones rather than in them."""
    import yaml

    document = yaml.safe_load(session.config_file.read_text(encoding="utf-8")) or {}
    document["config"] = {**(document.get("config") or {}), "langfuse-stack:running": False}
    path = state_dir() / f"Pulumi.{session.stack}.stopped.yaml"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def _engine(session: Session, argv: list[str]) -> None:
    code = session.run(argv)
    if code != 0:
        sys.exit(code)

"""Shows what the migrations of an image, or of a folder, would take away from the databases of a stack."""

import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from checks.base import CheckFailedError
from checks.clickhouse_login import Login
from checks.pending_migrations import Databases, Report, described, inspect
from ops.answer import answer
from ops.session import OpsError, Session, open_session
from ops.state import read_state
from policy.migrations import MigrationsError, Verdict

COLORS = {Verdict.ADDITIVE: "green", Verdict.NET_ADDITIVE: "cyan", Verdict.DESTRUCTIVE: "red"}
EMPTY = "empty databases"


@dataclass(frozen=True)
class Source:
    """Where the SQL comes from."""

    folder: Path
    named: str
    stand_in: bool = False
    """It is of the Langfuse stand-in."""
    clickhouse_floor: tuple[int, ...] | None = None
    """Oldest ClickHouse that the image runs on, where it says so itself."""


def migrations(
    image: str | None, folder: Path | None, stack: str, config_file: Path | None, *, empty: bool, as_json: bool
) -> None:
    """The `migrations` command; exits 1 when a destructive file is pending that nobody approved.

    Raises:
        OpsError: image, folder, approvals or databases cannot be read, or the databases belong to a newer release.
    """
    session = None if folder and empty else open_session(stack, config_file)
    source = Source(folder, str(folder)) if folder else _asked(session, image)
    databases = None if empty or session is None else _databases(session)
    try:
        report = inspect(source.folder, databases)
    except (MigrationsError, CheckFailedError) as error:
        raise OpsError(f"migrations of {source.named}: {error}") from None
    against = EMPTY if databases is None else f"the databases of stack {stack}"
    if as_json:
        content = {"source": source.named, "against": against, "ok": not report.blocking, **described(report)}
        answer(content)
    else:
        _show(report, source, against, Console())
    if report.blocking:
        sys.exit(1)


def of_image(reference: str) -> Source:
    """The migrations that a web image ships; the image is got if it is not on the machine.

    Raises:
        OpsError: it ships none.
        ToolchainError: it can be neither pulled nor built.
    """
    from toolchain.images.facts import facts_of
    from toolchain.images.obtain import obtain
    from toolchain.report import Report as Progress

    obtained = obtain({"langfuse-web": reference}, Progress())["langfuse-web"]
    facts = facts_of("langfuse-web", obtained.image.id, reference)
    if facts.migrations is None:
        raise OpsError(f"{reference} ships no migrations where Langfuse's web image has them: is it another image?")
    named = f"{reference} ({obtained.source})"
    floor = tuple(facts.clickhouse_floor) if facts.clickhouse_floor else None
    return Source(Path(facts.migrations), named, stand_in=obtained.stand_in, clickhouse_floor=floor)


def _asked(session: Session | None, image: str | None) -> Source:
    if image is None and session is None:
        raise OpsError("name an image or --folder DIR")
    return of_image(image or (session.settings.image_references["langfuse-web"] if session else ""))


def _databases(session: Session) -> Databases | None:
    """Access to the stack's databases; None when the stack is not up."""
    if not session.exists():
        return None
    state = read_state(session, show_secrets=True)
    try:
        login = Login(
            *(str(state.output("clickhouse-gate", name)) for name in ("http_address", "user", "password", "database"))
        )
        return Databases(
            login,
            str(state.output("postgres-gate", "direct_url")),
            str(state.output("postgres-gate", "schema")),
            session.settings.clickhouse.clustered,
        )
    except OpsError:
        return None


def _show(report: Report, source: Source, against: str, console: Console) -> None:
    console.print(f"{source.named}\nagainst {against}: {len(report.files)} pending", highlight=False, markup=False)
    if against == EMPTY and report.files:
        console.print("A stack that holds data may get other verdicts: `make up`, then run this again.")
    table = Table("file", "verdict", "why", box=None, pad_edge=False)
    table.columns[0].overflow = "fold"
    for verdict in report.files:
        worst = verdict.worst
        why = f"{worst.object}: {worst.why}" if worst and worst.object else worst.why if worst else "no statements"
        color = COLORS[verdict.verdict]
        table.add_row(
            verdict.file.name,
            f"[{color}]{verdict.verdict.word}[/]",
            f"approved: {verdict.approved}" if verdict.approved else why,
        )
    if report.files:
        console.print(table, highlight=False)
    for verdict in report.blocking:
        console.print(
            f"\n{verdict.file.name}\n  sha256 {verdict.file.sha256}", style="red", highlight=False, markup=False
        )
        for judged in verdict.statements:
            if judged.verdict is Verdict.DESTRUCTIVE:
                console.print(
                    f"  {judged.statement}\n    {judged.object or 'unknown object'}, {judged.rows} rows: {judged.why}",
                    highlight=False,
                    markup=False,
                    soft_wrap=True,
                )
    if report.blocking:
        console.print("\nTo let one through, add its digest and the reason to policy/approved-migrations.yaml.")
    for approval in report.stale:
        console.print(
            f"stale approval: {approval.file} ({approval.sha256[:12]}…) is no file of this image", markup=False
        )

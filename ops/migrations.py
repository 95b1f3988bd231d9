"""Shows what the migrations of an image, or of a folder, would take away from the databases of a stack."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from rich.table import Table

from checks.base import CheckFailedError
from checks.clickhouse_login import Login
from checks.pending_migrations import Databases, Report, described, inspect, remedy, shown
from checks.tunnels import TunnelError, opened
from ops.answer import answer
from ops.session import OpsError, Session, open_session
from ops.state import read_state
from ops.terminal import Console, waiting
from policy.migrations import MigrationsError, Verdict
from settings import SettingsError, images

COLORS = {
    Verdict.ADDITIVE: "green",
    Verdict.NET_ADDITIVE: "cyan",
    Verdict.UNKNOWN: "yellow",
    Verdict.DESTRUCTIVE: "red",
}
EMPTY = "empty databases"
FIX = "put it up with `make up`, or judge as against empty databases with --empty"


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
    try:
        with (
            waiting.on("the image's migrations"),
            nullcontext() if empty or session is None else _databases(session) as databases,
        ):
            report = inspect(source.folder, databases)
    except (MigrationsError, CheckFailedError, TunnelError) as error:
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
    """The image that was named, else the very one that the stack's next run would use."""
    if image is None and session is None:
        raise OpsError("name an image or --folder DIR")
    if image or session is None:
        return of_image(str(image))
    try:
        web = images(session.settings, session.environment)["langfuse-web"]
    except SettingsError:
        return of_image(session.settings.image_references["langfuse-web"])
    if web.migrations and Path(web.migrations).is_dir():
        return Source(Path(web.migrations), f"{web.reference} ({web.source})", stand_in=web.stand_in)
    return of_image(web.image)


@contextmanager
def _databases(session: Session) -> Iterator[Databases]:
    """Access to the stack's databases.

    Raises:
        OpsError: there is no such stack, or it was never up: nothing can be judged.
        TunnelError: there is no way to one of them.
    """
    if not session.exists():
        raise OpsError(f"there is no stack {session.stack} to judge against: {FIX}")
    state = read_state(session, show_secrets=True)
    try:
        login = Login(
            *(str(state.output("clickhouse-gate", name)) for name in ("http_address", "user", "password", "database"))
        )
        url, schema = (str(state.output("postgres-gate", name)) for name in ("direct_url", "schema"))
        ways = state.tunnels(("clickhouse-gate", "postgres-gate"))
    except (OpsError, KeyError) as error:
        raise OpsError(f"the databases of stack {session.stack} are not known ({error}): {FIX}") from None
    with opened(ways) as (there, _):
        yield Databases(
            replace(login, http_address=there(login.http_address)),
            there(url),
            schema,
            session.settings.clickhouse.clustered,
        )


def _show(report: Report, source: Source, against: str, console: Console) -> None:
    console.print(f"{source.named}\nagainst {against}: {len(report.files)} pending", markup=False)
    if against == EMPTY and report.files:
        console.print(
            "A stack that holds data may get other verdicts: put it up and run this without --empty. No ClickHouse "
            "server was asked, so its files were only looked through for names of other databases."
        )
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
        console.print(table)
    for verdict in report.blocking:
        console.print(f"\n{verdict.file.name}\n  sha256 {verdict.file.sha256}", style="red", markup=False)
        for judged in verdict.statements:
            if judged.verdict is Verdict.DESTRUCTIVE:
                console.print(
                    f"  {judged.statement}\n    {shown(judged)}",
                    markup=False,
                )
    if report.blocking:
        console.print(f"\n{remedy(report.blocking)}.", markup=False)
    for approval in report.stale:
        console.print(
            f"stale approval: {approval.file} ({approval.sha256[:12]}…) is no file of this image", markup=False
        )

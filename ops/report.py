"""What the operator sees: tables at 80 columns, or JSON."""

import datetime as dt
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from checks.base import CheckFailedError, until_healthy
from checks.s3 import ROLE
from components.releases import Release, end_of_support
from ops.answer import answer
from ops.failure import FAILED, explained
from ops.guarded import lacking
from ops.image_lock import write
from ops.owner import sign_in
from ops.runtime import docker_of, runtime_of
from ops.session import OpsError, Session, make, open_session
from ops.smoke import OBJECT, Access, BrokenHopError, Hop, access
from ops.smoke import smoke as follow_trace
from ops.state import State, read_state
from ops.terminal import Console, waiting
from platforms.docker.runtime import Container, DockerRuntime, as_missing, missing
from platforms.spec import UNWATCHED, Runtime
from policy.guards import in_one_line

if TYPE_CHECKING:
    from ops.rotation.age import Age
    from toolchain.resolve import ResolvedImage

SETTLE_SECONDS = 60
"""Docker looks at each container every few seconds, so it may call a proven service `starting` for a while."""

STAND_IN_BANNER = (
    "[bold yellow]Langfuse's images are not to be had here: a conformance stand-in runs instead.[/]\n"
    "It proves the infrastructure around Langfuse; it is not Langfuse."
)


def resolve_images(session: Session, console: Console, *, refresh: bool = False) -> "dict[str, ResolvedImage]":
    """Find the image of every service, as it is locked, and show where each came from.

    Raises:
        ToolchainError: one can be neither pulled nor built; or the lock file cannot be read.
    """
    from toolchain.images.lock import read_lock
    from toolchain.report import Report
    from toolchain.resolve import resolve

    locked = read_lock(session.lock_file)
    resolved = resolve(session.settings.image_references, Report(), locked=locked, refresh=refresh)
    table = Table("service", "version", "source", box=None, pad_edge=False)
    for service, image in resolved.items():
        table.add_row(service, image.version, image.source)
    console.print(table)
    show_switches(session, console)
    if any(image.stand_in for image in resolved.values()):
        console.print(STAND_IN_BANNER)
    return resolved


def show_switches(session: Session, console: Console) -> None:
    """Say which settings an operator holds at another value than the settings file's."""
    for switch in session.switches:
        console.print(Text.assemble(("SWITCHED ", "bold red"), (str(switch), "bold")))


def images(stack: str, config_file: Path | None, *, as_json: bool, refresh: bool, lock: bool) -> None:
    """The `images` command."""
    session = open_session(stack, config_file)
    console = Console(stderr=as_json)
    resolved = resolve_images(session, console, refresh=refresh)
    if lock and write(session, resolved):
        console.print(f"Review and commit {session.lock_file.name}.")
    if as_json:
        answer({service: asdict(image) for service, image in resolved.items()})


def follow(to: Access, console: Console, *, deadline_seconds: float = 30) -> list[Hop]:
    """Follow one trace, printing each hop as it is proven.

    Raises:
        OpsError: one is broken; what was found is printed.
    """
    console.print(f"{'hop':<22}{'after':>9}   seen")

    def show(hop: Hop) -> None:
        console.print(f"[green]✓[/] {hop.name:<20}{hop.milliseconds:>6.0f} ms   {hop.seen}")

    try:
        with waiting.on("the next hop"):
            hops = follow_trace(to, deadline_seconds=deadline_seconds, on_hop=show)
    except BrokenHopError as broken:
        console.print(f"[red]✗ {broken.hop}[/]")
        for finding in (broken.failure, *(cause for cause in broken.causes if str(cause) != str(broken.failure))):
            console.print(f"  {finding}", markup=False)
        raise OpsError(f"no call gets past its hop {broken.hop!r}: {broken.failure.seen}") from None
    if to.tracing and not to.store.access_key:
        console.print(f"- {OBJECT:<20} not seen: {ROLE}", style="yellow")
    if not to.tracing:
        console.print("gateway:tracing is false: the call was not sent to Langfuse", style="yellow")
    return hops


def smoke(stack: str, config_file: Path | None, *, as_json: bool, deadline_seconds: float) -> None:
    """The `smoke` command."""
    session = open_session(stack, config_file)
    with access(session) as to:
        _smoke(to, as_json=as_json, deadline_seconds=deadline_seconds)


def _smoke(to: Access, *, as_json: bool, deadline_seconds: float) -> None:
    if not as_json:
        with explained(FAILED, as_json=False):
            follow(to, Console(), deadline_seconds=deadline_seconds)
        return
    try:
        hops = follow_trace(to, deadline_seconds=deadline_seconds)
        answer({"ok": True, "tracing": to.tracing, "hops": [asdict(hop) for hop in hops]})
    except BrokenHopError as broken:
        findings = [
            {"probe": finding.probe, "seen": finding.seen, "fix": finding.fix}
            for finding in (broken.failure, *broken.causes)
        ]
        answer({"ok": False, "broken": broken.hop, "findings": findings})
        sys.exit(1)


def _well(container: Container) -> bool:
    """Whether it runs and is healthy; of the relay, which Docker does not watch, its proxy says so."""
    return _condition(container) in {"healthy", UNWATCHED}


def _healthy(docker: DockerRuntime, state: State) -> list[Container]:
    found = _services(docker, state)
    others = [f"{entry.service} {_condition(entry)}" for entry in found if not _well(entry)]
    if others:
        logs = f"see `docker logs {docker.instance}-<service>`"
        fix = f"{logs}; `python -m ops start <service>` starts a stopped one, `make up` makes a missing one"
        raise CheckFailedError("docker inspect", ", ".join(others), fix)
    return found


def _services(docker: DockerRuntime, state: State) -> list[Container]:
    """Containers of the stack, and those that its state knows and that are gone."""
    found = docker.containers()
    gone = [as_missing(entry["outputs"]) for entry in missing(state.resources, found)]
    return sorted([*found, *gone], key=lambda container: container.service)


def _condition(container: Container) -> str:
    return container.health if container.state == "running" else container.state


def status(stack: str, config_file: Path | None, *, as_json: bool) -> None:
    """The `status` command; exits 1 unless every service is up and healthy."""
    session = open_session(stack, config_file)
    docker = docker_of(session)
    if docker is None:
        _states(session, as_json=as_json)
        return
    state = _state(session)
    found = _services(docker, state)
    healthy = bool(found) and all(_well(entry) for entry in found)
    if as_json:
        _print_json(session, state, [asdict(entry) for entry in found], healthy=healthy)
    elif found:
        show_switches(session, Console())
        Console().print(services_table(session, found))
        gone = [entry.service for entry in found if entry.state == "missing"]
        if gone:
            again = f"{', '.join(gone)}: `{make('up', stack)}` makes them again"
            Console().print(f"[bold red]MISSING[/]  {escape(again)}")
        _remind(session, state)
    else:
        Console().print(f"Nothing of stack {stack} runs: `{make('up', stack)}`.")
        _show_missing_guards(session, state)
    if not healthy:
        sys.exit(1)


def release_warnings(release: Release) -> list[str]:
    """What is to be said of a stack's Langfuse release today."""
    warning = end_of_support(release, dt.datetime.now(tz=dt.UTC).date())
    return [warning] if warning else []


def show_warnings(warnings: Sequence[str], console: Console) -> None:
    """Print what is no finding, and should be known."""
    for warning in warnings:
        console.print(f"[yellow]warning[/]  {escape(warning)}")


def _print_json(session: Session, state: State, services: list[dict[str, Any]], *, healthy: bool) -> None:
    switches = [asdict(switch) for switch in session.switches]
    secrets = [asdict(age) for age in _ages(session, state)] if services else []
    answer(
        {
            "healthy": healthy,
            "services": services,
            "switches": switches,
            "secrets": secrets,
            "missing_guards": lacking(session, state.resources),
            "warnings": release_warnings(session.settings.release),
        }
    )


def _states(session: Session, *, as_json: bool) -> None:
    """The `status` command where services are not containers of this machine."""
    runtime = runtime_of(session)
    found = runtime.services()
    running = bool(found) and all(entry.runs for entry in found.values())
    if as_json:
        services = [{"service": entry.service, "state": entry.state} for entry in found.values()]
        _print_json(session, _state(session), services, healthy=running)
    else:
        show_switches(session, Console())
        Console().print(states_table(runtime))
        _remind(session, _state(session))
    if not running:
        sys.exit(1)


def _state(session: Session) -> State:
    """The stack's state; an empty one where it cannot be had, since what runs is shown even then."""
    try:
        return read_state(session)
    except OpsError:
        return State({})


def _ages(session: Session, state: State) -> "list[Age]":
    from ops.rotation.age import ages

    try:
        return ages(session, state)
    except OpsError:
        return []


def _remind(session: Session, state: State) -> None:
    """Say how old the secrets are that may be rotated, and which guards the state lacks."""
    from ops.limits import limits
    from ops.rotation.age import reminder

    Console().print(
        reminder(_ages(session, state), limits(session.settings.monitoring.limits).secret_age_days),
        soft_wrap=True,
    )
    show_warnings(release_warnings(session.settings.release), Console())
    _show_missing_guards(session, state)


def _show_missing_guards(session: Session, state: State) -> None:
    missing = in_one_line(lacking(session, state.resources))
    if missing:
        Console().print(f"[bold red]GUARDS[/]  {escape(missing)}")


def states_table(runtime: Runtime) -> Table:
    """Service, state and app of everything that the platform runs."""
    table = Table("service", "state", "app", box=None, pad_edge=False)
    for service, entry in sorted(runtime.services().items()):
        table.add_row(service, entry.state, str(entry.detail.get("app", "-")))
    return table


def services_table(session: Session, found: list[Container]) -> Table:
    """Service, image, health, address and start of every container."""
    from settings import images as resolved_images

    by_id = {image.image: image for image in resolved_images(session.settings, session.environment).values()}
    table = Table(box=None, pad_edge=False)
    table.add_column("service", no_wrap=True, min_width=max(len(entry.service) for entry in found))
    table.add_column("image", no_wrap=True, max_width=20)
    for column in ("health", "local port", "since (UTC)"):
        table.add_column(column, no_wrap=True)
    for entry in found:
        image = by_id.get(entry.image)
        named = f"{image.version}{' stand-in' if image.stand_in else ''}" if image else entry.image[7:19]
        ports = ",".join(str(port) for port in entry.ports) or "-"
        since = entry.started_at[5:16].replace("T", " ") or "-"
        table.add_row(entry.service, named, _condition(entry), ports, since)
    return table


def summary(session: Session, console: Console) -> dict[str, Any]:
    """What `up` ends with: services, addresses, and where the keys are; returns the stack's outputs, secrets masked.

    Raises:
        CheckFailedError: Docker does not call every service healthy in time.
    """
    if docker := docker_of(session):
        state = read_state(session)
        with waiting.on("Docker to call every service healthy"):
            healthy = until_healthy(lambda: _healthy(docker, state), deadline_seconds=SETTLE_SECONDS)
        console.print(services_table(session, healthy))
    else:
        console.print(states_table(runtime_of(session)))
    outputs: dict[str, Any] = session.json(session.argv("stack", "output", "--json"))
    console.print(f"Langfuse  {outputs['langfuse_url']}")
    console.print(sign_in(session), soft_wrap=True)
    console.print(f"Gateway   {outputs['gateway_url']}   smoke model: smoke")
    console.print(f"Keys      `{make('env', session.stack)}` writes the application's .env")
    for lines in (outputs.get("not_proven") or {}).values():
        for line in lines:
            console.print(f"not proven, for it is somebody else's server: {line}", markup=False)
    show_switches(session, console)
    return outputs

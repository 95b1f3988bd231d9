"""What the operator sees of backups, at 80 columns."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from ops.backup.catalog import Entry
from ops.backup.manifest import Manifest
from ops.backup.manifest import Table as Content
from ops.backup.rehearsal import Rehearsal
from ops.backup.restore import Compared
from ops.terminal import Console
from ops.units import size, span

SHORT_HASH = 10


def made(manifest: Manifest, console: Console) -> None:
    """A backup that was just made."""
    table = _table("store", "content", "rows", "size")
    click, post = manifest.clickhouse, manifest.postgres
    dumped = sum(part.size for part in manifest.parts if part.key.endswith(".dump"))
    table.add_row(
        "ClickHouse", f"{len(click.tables)} tables, ledger {click.ledger}", _rows(click.tables), size(click.size)
    )
    table.add_row("Postgres", f"{len(post.tables)} tables, ledger {post.ledger}", _rows(post.tables), size(dumped))
    if keys := manifest.gateway:
        table.add_row("gateway", f"{len(keys.tables)} tables, ledger {keys.ledger}", _rows(keys.tables), "")
    for bucket in manifest.buckets:
        table.add_row(bucket.name, f"{bucket.objects:,} objects, listed", "", size(bucket.size))
    console.print(table)
    built = f", on {manifest.base}" if manifest.base else ""
    seconds = (manifest.finished - manifest.started).total_seconds()
    _line(console, f"[green]✓[/] [bold]{manifest.id}[/] in {seconds:.1f} s{built}")
    _line(console, "`make rehearse` proves that it can be restored.")


def listing(found: list[Entry], console: Console) -> None:
    """Which backups there are."""
    if not found:
        console.print("There is no backup yet: `make backup` makes one.")
        return
    table = _table("backup", "age", "rows", "size", "Langfuse")
    for entry in found:
        manifest = entry.manifest
        if manifest is None:
            table.add_row(entry.id, "", "", "", "[red]damaged[/]" if entry.damaged else "[yellow]not finished[/]")
        else:
            rows = _rows([*manifest.clickhouse.tables, *manifest.postgres.tables])
            table.add_row(entry.id, span(manifest.age_seconds), rows, size(manifest.size), manifest.langfuse)
    console.print(table)
    for entry in found:
        if entry.damaged:
            console.print(Text.assemble(("✗ ", "red"), entry.damaged))


def verified(manifest: Manifest, found: list[str], console: Console, *, read_data: bool) -> None:
    """Whether a backup is as it was written."""
    for line in found:
        console.print(f"[red]✗[/] {line}")
    if not found:
        how = "every byte was read" if read_data else "sizes, versions and hashes; `--read-data` reads every byte"
        _line(console, f"[green]✓[/] {manifest.id} is as it was written ({how})")


def restored(manifest: Manifest, into: str, compared: list[Compared], console: Console) -> None:
    """What a restore brought back."""
    console.print(_comparison(compared))
    if all(entry.same for entry in compared):
        _line(
            console,
            f"[green]✓[/] {manifest.id} is restored as ClickHouse database and Postgres schema [bold]{into}[/].",
        )
        _line(console, "Langfuse goes on with what it had; docs/operations.md has the way to bring rows back.")
    else:
        _line(console, f"[red]✗[/] what was restored as {into} is not what was backed up")


def rehearsed(done: Rehearsal, console: Console) -> None:
    """What came of a rehearsal."""
    steps = _table("step", "seconds", "seen")
    steps.columns[1].justify = "right"
    for name, seconds, seen in done.steps:
        steps.add_row(name, f"{seconds:.1f}", seen)
    console.print(steps)
    console.print(
        _comparison([entry for entry in done.compared if not entry.same or (entry.wanted and entry.wanted.rows)])
    )
    for finding in done.findings:
        console.print(f"[red]✗[/] {finding}")
    sign = "[green]✓[/] restored whole" if done.ok else "[red]✗[/] not restored as it was"
    _line(console, f"{sign}: [bold]{done.manifest.id}[/]")
    _line(
        console,
        f"RPO {span(done.rpo_seconds)}, the age of the backup; RTO {done.rto_seconds:.0f} s, until it was proven",
    )
    for name in done.removed:
        _line(console, f"removed {name}, which this rehearsal made")


def _comparison(compared: list[Compared]) -> Table:
    table = _table("", "store", "table", "rows", "content")
    table.columns[2].max_width = 34
    for entry in compared:
        wanted, found = (_content(side) for side in (entry.wanted, entry.found))
        mark, content = ("[green]✓[/]", found) if entry.same else ("[red]✗[/]", f"{found} instead of {wanted}")
        table.add_row(mark, entry.store, entry.table, _rows([entry.found] if entry.found else []), content)
    return table


def _content(side: Content | None) -> str:
    return f"{side.hash[:SHORT_HASH]} in {side.rows:,}" if side else "none"


def _table(*columns: str) -> Table:
    table = Table(*columns, box=None, pad_edge=False)
    for column in table.columns:
        column.no_wrap = True
        if column.header in {"rows", "size", "age"}:
            column.justify = "right"
    return table


def _line(console: Console, text: str) -> None:
    console.print(text)


def _rows(tables: Sequence[Content]) -> str:
    return f"{sum(table.rows for table in tables):,}"

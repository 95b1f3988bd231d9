"""What the doctor says: findings in full, the rest in a line."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ops.doctor.logs import Shown
from ops.doctor.row import Result, Row
from ops.doctor.words import Words
from ops.terminal import Console
from platforms.docker.phrases import phrases

MARKS = {"healthy": "[green]✓[/]", "finding": "[red]✗[/]", "not seen": "[yellow]?[/]", "not applicable": "[dim]·[/]"}
USUAL = Words(**vars(phrases("langfuse")))
"""Words where the stack's own are not known."""
USUAL_NAMES = {"database": "langfuse", "schema": "langfuse", "catalog": "postgres"}


def as_dict(result: Result) -> dict[str, Any]:
    """One result for a script."""
    row = result.row
    plain = {"id": row.id, "part": str(row.part), "verdict": result.verdict, "evidence": result.evidence}
    if result.verdict == "not seen":
        return {**plain, "needs": result.fix}
    if result.verdict != "finding":
        return plain
    return {**plain, "symptom": row.symptom, "cause": generic(row.cause), "fix": result.fix}


def shown_as_dict(shown: Shown, words: Words = USUAL) -> dict[str, Any]:
    """One row that a log shows, for a script."""
    row = shown.row
    return {
        "id": row.id,
        "part": str(row.part),
        "line": shown.line,
        "times": shown.times,
        "evidence": shown.text,
        "services": [str(source) for source in shown.by],
        "names": dict(shown.names),
        "symptom": row.symptom,
        "cause": generic(row.cause, words, shown.names),
        "fix": generic(row.fix, words, shown.names),
    }


def generic(text: str, words: Words = USUAL, names: Mapping[str, str] = MappingProxyType({})) -> str:
    """`text` with the usual names in its placeholders, and those that a message told."""
    return words.filled(text, {**USUAL_NAMES, **names})


def show(
    results: Sequence[Result], console: Console, *, others: Sequence[Result], given: Mapping[str, Mapping[str, str]]
) -> None:
    """Findings with cause, evidence and fix; what was not seen; then how many rows are healthy.

    Args:
        results: of all rows.
        console: where to.
        others: of these one line even where nothing is to be done.
        given: environments to show, secrets masked.
    """
    for result in (entry for entry in results if entry.verdict == "finding"):
        _finding(console, result.row, result.evidence, result.fix, generic(result.row.cause))
    unseen: dict[tuple[str, str], list[str]] = {}
    for result in (entry for entry in results if entry.verdict == "not seen"):
        unseen.setdefault((result.evidence, result.fix), []).append(result.row.id)
    for (reason, remedy), ids in unseen.items():
        console.print(f"{MARKS['not seen']} could not look: {escape(', '.join(ids))}")
        _lines(console, {"why": reason, "needs": remedy})
    if others:
        _all_others(console, others)
    for service, env in given.items():
        console.print(f"\n[bold]{service}[/] was given")
        for name, value in env.items():
            console.print(Text(f"  {name}={value}"))
    counts = {verdict: sum(1 for entry in results if entry.verdict == verdict) for verdict in MARKS}
    findings = "1 finding" if counts["finding"] == 1 else f"{counts['finding']} findings"
    console.print(
        f"{findings}, {counts['healthy']} of {len(results)} rows healthy, "
        f"{counts['not seen']} not seen, {counts['not applicable']} not applicable",
    )


def show_log(found: Sequence[Shown], console: Console, words: Words = USUAL) -> None:
    """What a log shows, each row once."""
    for shown in found:
        times = f", {shown.times} times" if shown.times > 1 else ""
        _finding(
            console,
            shown.row,
            f"line {shown.line}{times}, of {' or '.join(shown.by)}: {shown.text}",
            generic(shown.row.fix, words, shown.names),
            generic(shown.row.cause, words, shown.names),
        )
    console.print(f"{len(found)} known troubles in the log")


def _finding(console: Console, row: Row, evidence: str, fix: str, cause: str) -> None:
    console.print(f"{MARKS['finding']} [bold]{escape(row.id)}[/]  {escape(row.symptom)}")
    _lines(console, {"seen": evidence, "cause": cause, "fix": fix})


def _lines(console: Console, lines: Mapping[str, str]) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in lines.items():
        table.add_row(name, Text(text))
    console.print(Padding(table, (0, 0, 1, 4)))


def _all_others(console: Console, results: Sequence[Result]) -> None:
    table = Table("row", "seen", box=None, pad_edge=False)
    for result in (entry for entry in results if entry.verdict in {"healthy", "not applicable"}):
        table.add_row(f"{MARKS[result.verdict]} {escape(result.row.id)}", Text(result.evidence))
    console.print(table)

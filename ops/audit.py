"""`evidence`: lists what was done, and verifies that nothing of its evidence was altered or taken away."""

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table

from evidence import MANIFEST
from ops import decisions, run_folder
from ops.answer import answer
from ops.decisions import Line
from ops.terminal import Console

SHOWN = 20


@dataclass(frozen=True)
class Problem:
    """Something that is not as it was recorded."""

    where: str
    """File, relative to the folder of all evidence."""
    what: str


@dataclass(frozen=True)
class Entry:
    """One recorded action."""

    at: str
    action: str
    stack: str
    result: str
    who: str
    run: str
    """Its folder or bundle, relative to the folder of all evidence; empty for none."""
    files: int


def audit(*, as_json: bool, everything: bool) -> None:
    """The `evidence` command; exits 1 when something is missing or altered.

    Args:
        as_json: print JSON.
        everything: list all actions, not only the last ones; all are verified either way.

    Raises:
        EvidenceError: the decision log cannot be read.
    """
    root = decisions.place()
    log = list(decisions.lines(root))
    found = list(verify(root, log))
    entries = [_entry(line) for line in log if line.entry is not None]
    shown = entries if everything else entries[-SHOWN:]
    if as_json:
        document = {"place": str(root), "intact": not found}
        listed = {"problems": [asdict(problem) for problem in found], "entries": [asdict(entry) for entry in shown]}
        answer({**document, **listed})
    else:
        _show(root, shown, len(entries), found)
    if found:
        sys.exit(1)


def verify(root: Path, log: list[Line]) -> Iterator[Problem]:
    """Everything that is not as the decision log and the manifests say.

    Args:
        root: the folder of all evidence.
        log: its decision log.
    """
    yield from _chain(root, log)
    named: set[str] = set()
    for line in log:
        for name, digest in ((line.entry or {}).get("evidence") or {}).items():
            named.add(name)
            yield from _file(root, name, digest)
    for folder in sorted(root.iterdir()) if root.exists() else []:
        if folder.is_dir() and (folder / MANIFEST).exists():
            files = {f"{folder.name}/{path.name}" for path in folder.iterdir()}
            if f"{folder.name}/{MANIFEST}" not in named:
                yield Problem(folder.name, "sealed, but the decision log has no line of it")
            else:
                yield from (Problem(name, "was added after its run was sealed") for name in sorted(files - named))


def _chain(root: Path, log: list[Line]) -> Iterator[Problem]:
    previous = ""
    for line in log:
        where = f"{decisions.LOG} line {line.number}"
        if line.entry is None:
            yield Problem(where, "is not JSON")
        elif line.entry.get("previous") != previous:
            yield Problem(where, "does not follow the line before it: one was altered, added or removed")
        previous = line.hash
    newest = decisions.anchor(root)
    if newest and newest not in {line.hash for line in log}:
        yield Problem(decisions.LOG, "its newest line was altered or removed since it was written")


def _file(root: Path, name: str, digest: str) -> Iterator[Problem]:
    path = root / name
    try:
        seen = run_folder.digest(path)
    except FileNotFoundError:
        yield Problem(name, "is missing")
    except OSError as error:
        yield Problem(name, f"cannot be read: {error.strerror}")
    else:
        if seen != digest:
            yield Problem(name, "was altered since its run was sealed")


def _entry(line: Line) -> Entry:
    entry = line.entry or {}
    files = sorted(entry.get("evidence") or {})
    bundle = files[0] if len(files) == 1 else ""
    values = {name: str(entry.get(name, "?")) for name in ("at", "action", "stack", "result", "who")}
    return Entry(**values, run=str(entry.get("run", bundle)), files=len(files))


def _show(root: Path, entries: list[Entry], total: int, problems: list[Problem]) -> None:
    console = Console()
    table = Table("UTC", "stack", "action", "result", "by", "files", box=None, pad_edge=False)
    for column in table.columns:
        column.no_wrap = True
    for entry in entries:
        moment = entry.at[5:16].replace("T", " ")
        table.add_row(moment, entry.stack, entry.action, entry.result, entry.who.partition("@")[0], str(entry.files))
    if entries:
        console.print(table)
    for folder in run_folder.unsealed(root) if root.exists() else []:
        state = "is running" if run_folder.is_running(folder) else "was killed; the next run seals it"
        console.print(f"{folder.name} {state}")
    shown = f"{total} actions" if len(entries) == total else f"the last {len(entries)} of {total} actions (--all)"
    console.print(f"{root}: {shown}")
    for problem in problems:
        console.print(f"[red]✗[/] {problem.where} {problem.what}")
    if not problems:
        console.print("[green]✓[/] nothing was altered or removed")

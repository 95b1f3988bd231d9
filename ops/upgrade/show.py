"""What the operator sees of an upgrade, at 80 columns, and what a script gets."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ops.terminal import Console
from ops.upgrade.decide import Decision, Refusal, Verdict
from ops.upgrade.planned import Plan
from ops.upgrade.state import LiveState, Shape, major
from ops.upgrade.steps import Step

TWO_DAYS = 48
APPLY = "python -m ops upgrade --apply --stack {stack}"
INVENTORY = "python -m ops inventory --stack {stack}"


def commands(decision: Decision, stack: str) -> list[str]:
    """What is run once the settings ask for a step."""
    step = decision.step
    if step is None or decision.verdict is Verdict.REFUSED:
        return []
    first = [INVENTORY] if step.id == "release" and not decision.ready else []
    return [line.format(stack=stack) for line in (*first, APPLY)]


def as_dict(plan: Plan, stack: str) -> dict[str, Any]:
    """A plan for a script."""
    decision = plan.decision
    step = decision.step
    return {
        "verdict": str(decision.verdict),
        "ready": decision.ready,
        "step": {**_step(step), "settings": list(step.settings)} if step else None,
        "refusals": [asdict(refusal) for refusal in decision.refusals],
        "commands": commands(decision, stack),
        "then": [_step(later) for later in decision.then],
        "live": asdict(plan.live),
        "asked": asdict(plan.asked),
        "goal": asdict(plan.goal),
    }


def show(plan: Plan, stack: str, console: Console) -> None:
    """What runs, the next step with what it takes, and what comes after it."""
    console.print(_seen(plan))
    decision = plan.decision
    for refusal in decision.refusals:
        _refusal(refusal, console)
    if decision.verdict is Verdict.NOTHING:
        console.print("[green]✓[/] nothing to do")
        return
    if decision.step:
        _next(decision, decision.step, stack, console)
    if decision.then:
        titles = "; ".join(step.title for step in decision.then)
        console.print(Text(f"after that: {titles}"))


def refused(decision: Decision) -> str:
    """The same as one message, for a run that stops here."""
    what = f": {decision.step.title}" if decision.step else ""
    lines = [f"refused{what}; nothing was changed"]
    lines += [f"  {refusal.rule}: {refusal.seen}\n    fix: {refusal.fix}" for refusal in decision.refusals]
    return "\n".join(lines)


def lost(found: Sequence[str], console: Console) -> None:
    """What is not as it was before the step."""
    for line in found:
        console.print(f"[red]✗[/] {escape(line)}")


def _step(step: Step) -> dict[str, Any]:
    return {"id": step.id, "title": step.title, "why": step.why, "target": asdict(step.target)}


def _seen(plan: Plan) -> Table:
    live, asked = plan.live, plan.asked
    table = Table("", "runs", "settings ask for", box=None, pad_edge=False)
    table.columns[0].no_wrap = True
    rows = [
        ("Langfuse", f"{live.shape.version}{' stand-in' if live.stand_in else ''}", asked.version),
        ("rows are written", _mode(live.shape), _mode(asked)),
        ("ClickHouse", live.shape.clickhouse, asked.clickhouse),
        ("Postgres, Redis", f"{live.postgres}, {live.redis}", ""),
        ("ledgers", _ledgers(live), _ships(plan)),
        ("background", _background(live), ""),
        ("rows of release 3", f"{live.traces:,}", ""),
        ("newest backup", _backup(live), ""),
    ]
    if live.half_done:
        rows.insert(1, ("", live.half_done, ""))
    for name, runs, asks in rows:
        table.add_row(name, Text(runs), Text("the same" if asks and asks == runs else asks))
    return table


def _mode(shape: Shape) -> str:
    if major(shape.version) == "3":
        return "as release 3 does"
    return shape.write_mode + ("" if shape.backfill or shape.write_mode != "dual" else ", nothing copied")


def _ledgers(live: LiveState) -> str:
    ledger, other = live.clickhouse_ledger, live.postgres_ledger
    unfinished = f", {len(other.unfinished)} unfinished" if other.unfinished else ""
    return f"{ledger.version}{' dirty' if ledger.dirty else ''}, {other.finished}{unfinished}"


def _ships(plan: Plan) -> str:
    image = plan.goal.image
    return f"{image.version} ships to {image.clickhouse}" if image else ""


def _background(live: LiveState) -> str:
    finished = sum(row.state == "finished" for row in live.background)
    due = f", {len(live.due)} to wait for" if live.due else ""
    return f"{finished} of {len(live.background)} finished{due}"


def _backup(live: LiveState) -> str:
    if live.backup is None:
        return "none"
    hours = live.backup.age_hours
    age = f"{hours:.1f} h" if hours < TWO_DAYS else f"{hours / 24:.0f} d"
    return f"{age} old, of ledgers {live.backup.clickhouse_ledger} and {live.backup.postgres_ledger}"


def _refusal(refusal: Refusal, console: Console) -> None:
    console.print(f"[red]✗[/] [bold]{refusal.rule}[/]")
    lines = Table.grid(padding=(0, 2))
    lines.add_column(no_wrap=True)
    lines.add_column(overflow="fold")
    for name, text in (("seen", refusal.seen), ("fix", refusal.fix)):
        lines.add_row(name, Text(text))
    console.print(Padding(lines, (0, 0, 0, 4)))


def _next(decision: Decision, step: Step, stack: str, console: Console) -> None:
    legal = decision.verdict is Verdict.LEGAL
    console.print(f"\n{'[green]✓[/] next' if legal else '[red]✗[/] refused'}: [bold]{escape(step.title)}[/]")
    console.print(Padding(Text(step.why), (0, 0, 0, 4)))
    if not legal:
        return
    if decision.ready:
        console.print("    the settings ask for it:")
    elif step.settings:
        console.print("    change the settings, have that reviewed and committed:")
        for line in step.settings:
            console.print(f"      {line}", markup=False)
        console.print("    then:")
    for line in commands(decision, stack):
        console.print(f"      {line}", markup=False)

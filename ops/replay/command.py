"""`replay`: what the bucket has and ClickHouse lacks, and the way back for it through Langfuse's own queues."""

from contextlib import closing, nullcontext
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from ops import terminal
from ops.answer import answer
from ops.evidence import recorded
from ops.replay.access import Access, access, queues_of
from ops.replay.jobs import PAGE, Producer, failed_jobs, waiting
from ops.replay.raw import OTLP, in_batches
from ops.replay.search import Search
from ops.replay.tally import DELETED, Tally
from ops.replay.window import Window, window
from ops.session import open_session
from ops.terminal import Console


def replay(stack: str, config_file: Path | None, *, start: str, end: str | None, apply: bool, as_json: bool) -> None:
    """The `replay` command.

    Raises:
        OpsError: a store does not answer, or the window is none.
    """
    now = datetime.now(UTC)
    of = window(start, end, now)
    session, console = open_session(stack, config_file), Console(stderr=as_json)
    with access(session) as to, terminal.waiting.on("raw events and rows") as say:
        tally = Tally(lambda read, lost: say(f"{read:,} raw events compared, {lost:,} lack rows"))
        on_the_way = waiting(to.queues)
        facts = {"from": f"{of.start:%FT%TZ}", "to": f"{of.end:%FT%TZ}"}
        with recorded(session, "replay", facts) if apply else nullcontext() as run:
            _search(to, of, now, tally, apply=apply)
            if run:
                run.facts["raw_events"] = tally.lost
        failed = failed_jobs(to.queues)
    missing = tally.distinct
    deleted = missing.pop(DELETED, 0)
    if as_json:
        answer(
            {
                "applied": apply and tally.lost > 0,
                **facts,
                "compared": dict(tally.compared),
                "raw_events": tally.lost,
                "missing": missing,
                "deleted_on_purpose": deleted,
                "examples": tally.examples,
                "unreadable": tally.broken,
                "jobs_on_the_way": on_the_way,
                "failed_jobs": [asdict(entry) for entry in failed],
            }
        )
        return
    _show(console, of, tally, missing, deleted, apply=apply)
    if on_the_way:
        console.print(f"{on_the_way:,} jobs were on their way meanwhile: what they hold may count as missing here.")
    if failed:
        console.print("There are jobs that failed for good: `python -m ops replay --failed` shows them.")


def retry(stack: str, config_file: Path | None, *, apply: bool, as_json: bool) -> None:
    """The `replay --failed` command.

    Raises:
        OpsError: Redis does not answer.
    """
    session, console = open_session(stack, config_file), Console(stderr=as_json)
    with queues_of(session) as server:
        found = failed_jobs(server)
        retried: dict[str, int] = {}
        if apply and found:
            facts = {"failed_jobs": sum(entry.count for entry in found)}
            with recorded(session, "replay", facts), closing(Producer(server)) as producer:
                retried = {entry.queue: producer.retry(entry.queue) for entry in found}
    if as_json:
        answer({"applied": bool(retried), "failed_jobs": [asdict(entry) for entry in found], "retried": retried})
        return
    for entry in found:
        console.print(f"{entry.queue}  {entry.count:,} failed, the newest with: {entry.reason[:200]}")
    if not found:
        console.print("No job failed for good.")
    elif apply:
        console.print(f"{sum(retried.values()):,} jobs are queued again, with all their attempts.")
    else:
        console.print("`--apply` queues them again; mend first what the reason says.")


def _search(to: Access, of: Window, now: datetime, tally: Tally, *, apply: bool) -> None:
    found = (lost.event for lost in Search(to.bucket, to.rows, to.release_4, tally).lost(of, now))
    if not apply:
        for _ in found:
            pass
        return
    with closing(Producer(to.queues)) as producer:
        for batch in in_batches(found, PAGE):
            producer.put(batch)


def _show(console: Console, of: Window, tally: Tally, missing: dict[str, int], deleted: int, *, apply: bool) -> None:
    requests = tally.compared[OTLP]
    others = tally.compared.total() - requests - tally.compared["unreadable"]
    console.print(
        f"{of.start:%F %T} to {of.end:%F %T} UTC: {requests:,} OTLP requests and {others:,} other raw events compared",
    )
    for key in tally.broken:
        console.print(f"cannot be read: {key}")
    if deleted:
        console.print(f"{deleted:,} traces were deleted through Langfuse: they stay deleted.")
    if not tally.lost:
        console.print("Every row is there.")
        return
    for key in tally.examples:
        console.print(f"  {key}")
    if tally.lost > len(tally.examples):
        console.print(f"  … and {tally.lost - len(tally.examples):,} more")
    rows = ", ".join(f"{count:,} of {table}" for table, count in missing.items())
    what = f"{tally.lost:,} raw events lack rows: {rows}."
    then = "They are queued again; the same command without `--apply` shows what is still missing."
    console.print(f"{what} {then if apply else '`--apply` queues them again; it removes nothing.'}")

"""What people read fits 80 columns, what they would paste stays whole, and a pipe gets no escape codes."""

import io
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from checks.base import CheckFailedError
from ops import commands, lifecycle, new, plan, progress, report, terminal
from ops.commands import cli
from ops.progress import Progress
from ops.session import OpsError
from ops.smoke import BrokenHopError
from ops.terminal import Console, Waiting
from policy.plan import Plan, Step
from tests.unit.recorder import ROOT

COMMAND = "`python -m ops restore --into after-the-accident --stack team-a`"
ADDRESS = "https://langfuse.example.com/project/ai-gateway/traces?search=0af7651916cd43dd8448eb211c80319c&page=1"
IMAGE = "docker.io/langfuse/langfuse@sha256:2a09e8f0c1b7d35cc0c5d1f4e6b87a90f3e2d1c4b5a69788796a5b4c3d2e1f00"
MESSAGE = f"something is not as it must be, so nothing was changed: {ADDRESS} does not answer, run {COMMAND} or {IMAGE}"
PASTED = (COMMAND, ADDRESS, IMAGE)
URN = "urn:pulumi:x::langfuse-stack::langfuse-stack:index:Gateway$docker:index/container:Container::"


def too_wide(text: str) -> list[str]:
    """Lines over 80 columns that are not one value alone."""
    return [line for line in text.splitlines() if len(line) > 80 and line.strip().removesuffix(".") not in PASTED]


def paths(command: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, below in getattr(command, "commands", {}).items():
        yield (*above, name)
        yield from paths(below, (*above, name))


COMMANDS = sorted({*paths(typer.main.get_command(cli))})
NEEDED = {
    "stop": ["redis"],
    "start": ["redis"],
    "restore": ["--into", "x"],
    "replay": ["--from", "6h"],
    "members add": ["ada@example.com"],
    "new": ["--stack", "team-b"],
}
"""Arguments without which a command does not begin."""


@pytest.fixture(autouse=True)
def columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_help_of_every_command_fits_and_is_whole(words: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(cli, [*words, "--help"])
    assert shown.exit_code == 0
    assert not too_wide(shown.output)
    assert "…" not in shown.output.replace("langfuse-web, …", "")


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_an_error_of_every_command_fits_and_can_be_pasted_from(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise OpsError(MESSAGE)

    root: Any = typer.main.get_command(cli)
    command = root
    for word in words:
        command = command.commands[word]
    monkeypatch.setattr(command, "callback", fails)
    monkeypatch.setattr("typer.testing._get_command", lambda _: root)
    shown = CliRunner().invoke(cli, [*words, *NEEDED.get(" ".join(words), [])])
    assert shown.exit_code in {1, 2}, shown.output
    assert not too_wide(shown.output)
    assert all(any(value in line for line in shown.stderr.splitlines()) for value in PASTED), shown.stderr


@pytest.mark.parametrize(
    "words", [["no-such-command"], ["up", "--json", "--no-such-option"], ["stop"], ["status", "x"]]
)
def test_a_call_that_is_not_understood_is_answered_within_80_columns(words: list[str]) -> None:
    assert not too_wide(CliRunner().invoke(cli, words).output)


def shown(width: int = 80, **options: Any) -> Console:
    return Console(file=io.StringIO(), width=width, **options)


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [40, 80])
def test_a_sentence_breaks_between_words_and_never_in_what_is_pasted(width: int) -> None:
    console = shown(width)
    console.print(f"  [yellow]warning[/]  {MESSAGE}\n\nend")
    lines = text_of(console).splitlines()
    assert all(any(value in line for line in lines) for value in PASTED)
    assert all(len(line) <= width or line.strip() in PASTED for line in lines)
    assert all(line.startswith("  ") for line in lines[:-2])
    assert lines[-2:] == ["", "end"]
    assert " ".join(line.strip() for line in lines[:-2]) == f"warning  {MESSAGE}"


def test_into_a_pipe_a_sentence_stays_on_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS")
    console = Console(file=io.StringIO())
    console.print(MESSAGE)
    assert text_of(console) == f"{MESSAGE}\n"


@pytest.mark.parametrize(
    ("variables", "terminal", "coloured"),
    [
        ({}, False, False),
        ({}, True, True),
        ({"NO_COLOR": "1"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
    ],
)
def test_escape_codes_are_for_terminals_unless_asked_otherwise(
    variables: dict[str, str], terminal: bool, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    stream = io.StringIO()
    stream.isatty = lambda: terminal  # type: ignore[method-assign]
    Console(file=stream).print("[bold red]GUARDS[/] [green]✓[/]")
    assert ("\x1b" in stream.getvalue()) is coloured


class Stream(io.StringIO):
    """Standard error; tells when a word was written."""

    def __init__(self, word: str, *, terminal: bool) -> None:
        super().__init__()
        self.word, self.terminal, self.written = word, terminal, threading.Event()

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> int:
        if self.word in text:
            self.written.set()
        return super().write(text)


@pytest.mark.parametrize("terminal", [False, True])
def test_what_is_waited_for_is_said_with_its_seconds_and_is_gone_from_a_terminal_afterwards(
    terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr", stream := Stream("waiting: Docker (0 s), second (0 s)", terminal=terminal))
    waiting = Waiting(patience=0.01, beat=0.01)
    with waiting.on("first") as say:
        say("Docker")
        with waiting.on("second"):
            assert stream.written.wait(20)
    said = stream.getvalue()
    assert "\x1b" not in said
    assert said.endswith(" \r" if terminal else " s)\n")


def test_what_is_quick_is_not_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", stream := Stream("waiting", terminal=False))
    with Waiting(patience=1000).on("nothing"):
        pass
    assert stream.getvalue() == ""


def event(kind: str, op: str, name: str) -> dict[str, Any]:
    return {kind: {"metadata": {"op": op, "urn": f"{URN}{name}", "type": "docker:index/container:Container"}}}


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What an engine's run was said to wait for, each for three seconds."""
    said: list[str] = []
    monkeypatch.setattr(progress, "waiting", SimpleNamespace(begin=said.append, end=lambda _: 3.0))
    return said


def run(events: list[dict[str, Any]]) -> str:
    console = shown()
    follower = Progress(console, known=["said before"])
    for entry in events:
        follower.take(entry)
    follower.close()
    return text_of(console)


def test_a_replaced_container_is_counted_once_and_webs_own_stop_is_named(waits: list[str]) -> None:
    steps = ["delete-replaced", "replace", "create-replacement"]
    events = [event(kind, op, "langfuse-web") for op in steps for kind in ("resourcePreEvent", "resOutputsEvent")]
    events += [event(kind, "same", "redis") for kind in ("resourcePreEvent", "resOutputsEvent")]
    said = run([*events, {"summaryEvent": {"durationSeconds": 119}}])
    assert said.splitlines()[-1] == "1 replaced, 1 unchanged in 119 s"
    assert waits[0] == "langfuse-web to stop, up to 120 s"
    assert waits[-1] == "langfuse-web"
    assert re.search(r"deleted +3 s  Container langfuse-web", said)


def test_what_failed_is_marked_and_a_warning_is_said_once(waits: list[str]) -> None:
    failed = [event(kind, "create", "redis") for kind in ("resourcePreEvent", "resOpFailedEvent")]
    said = run([*failed, *({"diagnosticEvent": {"severity": "warning", "message": x}} for x in ("said before", "new"))])
    assert said.splitlines() == ["✗ failed      3 s  Container redis", "new"]
    assert waits == ["redis"]


def test_the_cause_is_told_once_after_the_run(tmp_path: Path) -> None:
    console, log = shown(), tmp_path / "events.jsonl"
    with progress.followed(log, console):
        ended = {"summaryEvent": {"durationSeconds": 3}}
        error = {"diagnosticEvent": {"severity": "error", "message": "gate closed"}}
        log.write_text(f"{json.dumps(error)}\n{json.dumps(ended)}\n{{cut")
    assert text_of(console) == "0 changes in 3 s\n"


def test_a_plan_counts_a_replacement_once_and_fits() -> None:
    long = "a-service-with-a-name-that-is-longer-than-any-other-service-of-this-stack"
    steps = [Step(op=op, urn=URN + long) for op in ("create-replacement", "replace", "delete-replaced")]
    steps[0] = steps[0].model_copy(update={"replace_reasons": ("image", "env")})
    found = Plan(steps=(*steps, Step(op="same", urn=f"{URN}redis")))
    console = shown()
    plan.show(found, console)
    assert text_of(console).splitlines()[-1] == "1 replace, 1 unchanged"
    assert not too_wide(text_of(console))
    assert "image, env" in text_of(console)
    with pytest.raises(OpsError, match=f"there are 1: replace {long}. Nothing"):
        lifecycle.require_no_changes(plan.GatedPlan(found, {}))


def test_a_broken_hop_names_its_cause_last_and_can_be_pasted_from(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = CheckFailedError(f"GET {ADDRESS}", "answered 502 " + "and went on " * 10, f"see {COMMAND}")

    def broken(*_: Any, **__: Any) -> None:
        raise BrokenHopError("read back by the API", finding, [])

    monkeypatch.setattr(report, "follow_trace", broken)
    console = shown()
    with pytest.raises(OpsError, match="answered 502"):
        report.follow(SimpleNamespace(), console)  # type: ignore[arg-type]
    assert COMMAND in text_of(console)
    assert not [line for line in too_wide(text_of(console)) if ADDRESS not in line]


def test_new_says_what_it_wrote_within_80_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inventory = tmp_path / "inventory.json"
    monkeypatch.setattr(new, "path_of", lambda _: inventory)
    monkeypatch.setattr("ops.inventory.for_instance", lambda *_: [])
    monkeypatch.setattr("ops.inventory.write", lambda *_: None)
    monkeypatch.setattr(new, "_shown", lambda path: path.name)
    said = CliRunner().invoke(cli, ["new", "--stack", "a" * 40, "--config-file", str(tmp_path / "x.yaml")])
    assert said.exit_code == 0, said.output
    assert not too_wide(said.output)
    assert f"`make up STACK={'a' * 40}`" in said.output


def test_every_command_prints_through_the_console_that_wraps() -> None:
    other = {str(path.relative_to(ROOT)) for path in (ROOT / "ops").rglob("*.py") if "rich.console" in path.read_text()}
    assert other == {str(Path(terminal.__file__).relative_to(ROOT))}
    assert commands.cli is cli

"""What people read on a terminal: sentences that wrap between words, and a line that says what is waited for."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import rich.console
from rich.text import Text

from toolchain.wrapping import breaks, indent_of

PATIENCE_SECONDS = 2.0
BEAT_SECONDS = 15.0


class Console(rich.console.Console):
    """A console that never tears a command in back ticks, an address or a name apart; a line breaks before it.

    Sentences wrap at the width of a terminal, or at COLUMNS. Into a pipe each stays on its line, for `grep`. Under
    NO_COLOR there are no escape codes at all, and under FORCE_COLOR there are some in a pipe, too.
    """

    def __init__(self, **options: Any) -> None:
        if os.environ.get("NO_COLOR"):
            options["color_system"] = None
        super().__init__(**{"highlight": False, **options})
        self._wraps = self.is_terminal or "width" in options or "COLUMNS" in os.environ

    def print(self, *objects: Any, **options: Any) -> None:
        """See the base class."""
        if len(objects) == 1 and isinstance(objects[0], str | Text):
            text = objects[0]
            if isinstance(text, str):
                text = Text.from_markup(text, emoji=False) if options.get("markup", True) else Text(text)
            objects = (self._wrapped(text) if self._wraps else text,)
            options["soft_wrap"] = True
        with waiting.aside():
            super().print(*objects, **options)

    def _wrapped(self, text: Text) -> Text:
        lines = [part for line in text.split(allow_blank=True) for part in self._parts(line)]
        return Text("\n").join(lines)

    def _parts(self, line: Text) -> Iterator[Text]:
        indent = indent_of(line.plain)
        first, *others = line.divide(breaks(line.plain, self.width, indent))
        if others:
            first.rstrip()
        yield first
        for part in others:
            part.rstrip()
            yield Text(indent).append_text(part)


class Waiting:
    """One line on standard error that says what is waited for and since when; into a pipe, a line now and then.

    It is there only for what takes more than two seconds.
    """

    def __init__(self, patience: float = PATIENCE_SECONDS, beat: float = BEAT_SECONDS) -> None:
        self._patience, self._beat = patience, beat
        self._since: dict[str, float] = {}
        self._lock = threading.RLock()
        self._shown, self._next, self._runs = 0, 0.0, False
        self._changed = threading.Condition(self._lock)

    def begin(self, what: str) -> None:
        """Wait for something else, too."""
        with self._lock:
            if not self._runs:
                self._runs, self._next = True, 0.0
                threading.Thread(target=self._run, daemon=True).start()
            self._since.setdefault(what, time.monotonic())

    def end(self, what: str) -> float:
        """Wait for it no longer; returns for how many seconds it was."""
        with self._lock:
            since = self._since.pop(what, None)
            self._clear()
            self._changed.notify_all()
            return 0.0 if since is None else time.monotonic() - since

    @contextmanager
    def on(self, what: str) -> Iterator[Callable[[str], None]]:
        """Wait for something while the block runs, which may say by and by what that is."""
        name = what
        self.begin(what)

        def say(now: str) -> None:
            nonlocal name
            with self._lock:
                self._since[now] = self._since.pop(name, time.monotonic())
                name = now

        try:
            yield say
        finally:
            self.end(name)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Keep the line away while something else is written."""
        with self._lock:
            self._clear()
            yield

    def _run(self) -> None:
        with self._lock:
            while self._since:
                self._changed.wait(min(1.0, self._patience))
                self._tell(time.monotonic())
            self._runs = False

    def _tell(self, now: float) -> None:
        spans = [(what, now - since) for what, since in self._since.items() if now - since >= self._patience]
        if not spans:
            return
        text = "waiting: " + ", ".join(f"{what} ({seconds:.0f} s)" for what, seconds in spans)
        if sys.stderr.isatty():
            width = rich.console.Console(stderr=True).width - 1
            self._clear()
            self._shown = min(len(text), width)
            sys.stderr.write(text[:width])
        elif now >= self._next:
            self._next = now + self._beat
            sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def _clear(self) -> None:
        if self._shown:
            sys.stderr.write(f"\r{' ' * self._shown}\r")
            sys.stderr.flush()
            self._shown = 0


waiting = Waiting()

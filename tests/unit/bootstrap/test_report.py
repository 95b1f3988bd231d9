"""What the user sees while the machine is made ready."""

from __future__ import annotations

import io
import threading

from toolchain.report import Report


def test_a_line_names_the_part_and_the_source_and_the_time() -> None:
    stream = io.StringIO()

    Report(stream).done("engine", "built from Go modules", 111.6)

    assert stream.getvalue() == "engine     built from Go modules (112 s)\n"


def test_no_line_is_wider_than_eighty_columns_and_nothing_is_cut() -> None:
    stream = io.StringIO()
    report = Report(stream)
    words = "as many words as do not fit beside each other on one line of a terminal, and `a command of eight words`"

    report.step("engine", words)
    report.done("engine", "x" * 70, 3)

    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) == 81, "a word that is wider than its column is not torn"
    assert " ".join(line[11:] for line in lines[:2]) == words
    assert lines[0].startswith("engine     as many")
    assert lines[-1] == f"{'':<11}(3 s)"


def test_long_work_shows_signs_of_life_until_it_ends() -> None:
    class Stream(io.StringIO):
        beaten = threading.Event()

        def write(self, text: str) -> int:
            if "still building" in text:
                self.beaten.set()
            return super().write(text)

    stream = Stream()
    with Report(stream, heartbeat=0.01).working("build", "building it"):
        assert stream.beaten.wait(20)

    said = stream.getvalue()
    assert said.startswith("build      building it\n")
    assert stream.getvalue() == said

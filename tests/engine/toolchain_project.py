"""A Pulumi project in a folder of its own, run by the real engine that the toolchain gets."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain.engine import ensure_engine
from toolchain.plugins import ensure_plugins
from toolchain.report import Report

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAMS = Path(__file__).parent / "programs"
_MARK = "LANGFUSE_STACK_TEST_MARK"


def errors(output: str) -> set[str]:
    """Why a run failed, in the engine's words; in a hurry, it also blames plugins that it has just stopped itself."""
    return {line for line in re.findall("error: .*", output) if "exited prematurely" not in line}


class Project:
    """A copy of a program, with its own state; `run` is `pulumi …` in its folder."""

    def __init__(self, program: str, folder: Path) -> None:
        """Args: program: a folder in `programs/`; folder: where the copy and its state go."""
        report = Report()
        engine = ensure_engine(report)
        ensure_plugins(engine, report)
        self.folder = folder / program
        shutil.copytree(PROGRAMS / program, self.folder)
        (folder / "state").mkdir()
        self.mark = uuid.uuid4().hex
        self.environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}:{engine.bin_dir}:{os.environ['PATH']}",
            "PULUMI_HOME": str(engine.pulumi_home),
            "PULUMI_BACKEND_URL": (folder / "state").as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "for this test only",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            _MARK: self.mark,
        }
        self.run("stack", "init", "test", check=True)

    def run(self, *args: str, check: bool = False) -> subprocess.CompletedProcess[str]:
        """What `pulumi ARGS` did; stdout holds stderr too."""
        return subprocess.run(
            ["pulumi", *args, "--non-interactive", "--color=never"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=check,
        )

    def start(self, *args: str) -> subprocess.Popen[str]:
        """`pulumi ARGS`, running in a process group of its own as a terminal would have it."""
        return subprocess.Popen(
            ["pulumi", *args, "--non-interactive", "--color=never"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def processes(self) -> list[str]:
        """The command lines of all live processes that this project's engine started, itself included."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if f"{_MARK}={self.mark}" in (process / "environ").read_text(errors="replace"):
                    found.append((process / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue  # it ended meanwhile
        return found


def eventually(condition: Callable[[], bool], seconds: float = 20) -> bool:
    """Whether the condition becomes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True

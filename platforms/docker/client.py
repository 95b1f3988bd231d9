"""The one way to Docker: its command line, run and understood here.

Not the `docker` SDK, and not python-on-whales, which runs the same command line:

- It finds the engine as the user's `docker` does: by context, or by DOCKER_HOST over the user's own `ssh`. The SDK's
  `from_env` ignores contexts, and would ask another engine than the Pulumi provider and the user do.
- It needs no Python package. The toolchain asks Docker before there is an environment that could have one.
- It is quick: importing the SDK takes as long as ten calls of the command line.
- A call that failed is one that the operator can repeat.

No secret is an argument: values go by standard input, or by name from the environment (`--env=NAME`).
"""

import io
import json
import os
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from platforms.errors import PlatformError

SECONDS = 120
MESSAGE_LINES = 4
LISTED = {"container": ("--all", "--no-trunc"), "network": ("--no-trunc",), "volume": ()}
"""Options with which all objects of a kind are listed by their full ids."""


class DockerError(PlatformError):
    """A Docker command failed.

    Args:
        why: which one, and what it said.
        said: that alone.
    """

    def __init__(self, why: str, said: str = "") -> None:
        super().__init__(why)
        self.said = said or why


@dataclass(frozen=True)
class Docker:
    """Docker's command line.

    Args:
        variables: the environment that it runs in; None for this process's own.
        seconds: after which a command is ended; None for never.
    """

    variables: Mapping[str, str] | None = None
    seconds: float | None = SECONDS

    def __call__(self, *arguments: str, stdin: str = "", also: Mapping[str, str] | None = None) -> str:
        """Standard output of `docker arguments…`.

        Args:
            arguments: of the command.
            stdin: its input.
            also: further variables of its environment, for `--env=NAME`.

        Raises:
            DockerError: it failed, or took too long.
        """
        return self.raw(*arguments, stdin=stdin.encode(), also=also).decode(errors="replace")

    def raw(
        self, *arguments: str, stdin: bytes = b"", also: Mapping[str, str] | None = None, merged: bool = False
    ) -> bytes:
        """The same in bytes.

        Args:
            arguments: of the command.
            stdin: its input.
            also: further variables of its environment.
            merged: add its standard error to what is returned.
        """
        done = self._run(arguments, stdin, also, merged=merged)
        if done.returncode != 0:
            raise _failed(arguments, done)
        return done.stdout

    def present(self, kind: str, *names: str) -> list[dict[str, Any]]:
        """What Docker knows of those of these that exist."""
        if not names:
            return []
        arguments = (kind, "inspect", *names)
        done = self._run(arguments)
        if not done.stdout.strip():
            raise _failed(arguments, done)
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    def ids(self, kind: str, *filters: str) -> list[str]:
        """Ids of all objects of a kind (names, of volumes) that pass every filter."""
        return self(kind, "ls", "--quiet", *LISTED[kind], *(f"--filter={rule}" for rule in filters)).split()

    def inspect(self, kind: str, *names: str) -> list[dict[str, Any]]:
        """What Docker knows of each of these; nothing is asked for none."""
        found: list[dict[str, Any]] = json.loads(self(kind, "inspect", *names)) if names else []
        return found

    def labelled(self, kind: str, label: str, value: str) -> list[dict[str, Any]]:
        """What Docker knows of all objects of a kind whose label has this value."""
        return self.inspect(kind, *self.ids(kind, f"label={label}={value}"))

    def info(self) -> Mapping[str, Any]:
        """What the engine says of itself."""
        found: Mapping[str, Any] = json.loads(self("info", "--format", "{{json .}}"))
        return found

    def _run(
        self,
        arguments: Sequence[str],
        stdin: bytes = b"",
        also: Mapping[str, str] | None = None,
        *,
        merged: bool = False,
    ) -> "subprocess.CompletedProcess[bytes]":
        try:
            return subprocess.run(
                argv(*arguments),
                input=stdin,
                env={**(os.environ if self.variables is None else self.variables), **(also or {})},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if merged else subprocess.PIPE,
                timeout=self.seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            said = f"no answer within {self.seconds:.0f} s"
            raise DockerError(f"docker {arguments[0]}: {said}", said) from None
        except OSError as error:
            said = str(error.strerror)
            raise DockerError(f"docker cannot be run: {said}", said) from None


def argv(*arguments: str) -> list[str]:
    """The command line, for a caller that reads or writes its streams as they come."""
    return ["docker", *arguments]


def _failed(arguments: Sequence[str], done: "subprocess.CompletedProcess[bytes]") -> DockerError:
    said = last_lines(done.stderr or done.stdout or b"") or f"status {done.returncode}"
    return DockerError(f"docker {arguments[0]}: {said}", said)


def last_lines(said: bytes) -> str:
    """The end of what a command said, in one line."""
    lines = said.decode(errors="replace").strip().splitlines()
    return " / ".join(line.strip() for line in lines[-MESSAGE_LINES:])


def archive(files: Mapping[str, str]) -> bytes:
    """Content by path, as what `docker cp - CONTAINER:/` takes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, content in files.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(content.encode()), 0o644
            tar.addfile(entry, io.BytesIO(content.encode()))
    return buffer.getvalue()

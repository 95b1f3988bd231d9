"""Reads command lines and secrets the way that flyctl does."""

from __future__ import annotations

import json
from pathlib import Path

_RECORDED = json.loads((Path(__file__).parents[1] / "contract" / "flags.json").read_text())
FLAGS: dict[str, set[str]] = {verb: set(flags.split()) for verb, flags in _RECORDED.items()}
VERBS = {
    "version",
    "apps list",
    "apps create",
    "apps restart",
    "ips list",
    "ips allocate-v6",
    "ips allocate-v4",
    "volumes list",
    "volumes create",
    "volumes extend",
    "volumes snapshots create",
    "volumes snapshots list",
    "secrets list",
    "secrets import",
    "secrets unset",
    "secrets deploy",
    "deploy",
    "status",
    "machine list",
    "machine start",
    "machine stop",
    "machine clone",
    "machine exec",
    "machine leases clear",
    "ssh console",
    "releases",
    "logs",
    "proxy",
}
WRITES = {
    "apps create",
    "apps restart",
    "ips allocate-v6",
    "ips allocate-v4",
    "volumes create",
    "volumes extend",
    "volumes snapshots create",
    "secrets import",
    "secrets unset",
    "secrets deploy",
    "deploy",
    "machine start",
    "machine stop",
    "machine clone",
    "machine leases clear",
}
UNLOCKED = {"logs", "proxy", "machine exec", "ssh console"}
"""What may take long and changes nothing."""
VALUED = {"-a", "-o", "-r", "-s", "-c", "-C", "-b", "--snapshot-retention", "--image", "--strategy", "--wait-timeout"}
VALUED |= {"--vm-cpu-kind", "--vm-cpus", "--vm-memory"}


class RefusedError(Exception):
    """Fly says no; the text is what its command line prints."""


class UsageError(Exception):
    """flyctl would not understand the command line."""


class Arguments:
    """A command line, taken apart."""

    def __init__(self, words: list[str]) -> None:
        self.verb = next((" ".join(words[:n]) for n in (3, 2, 1) if " ".join(words[:n]) in VERBS), "")
        if not self.verb:
            raise UsageError(f'Error: unknown command {" ".join(words[:2])!r} for "flyctl"')
        self.flags: dict[str, str] = {}
        self.positionals: list[str] = []
        rest = words[len(self.verb.split()) :]
        while rest:
            word = rest.pop(0)
            if word.startswith("-") and word.partition("=")[0] not in FLAGS.get(self.verb, {word.partition("=")[0]}):
                raise UsageError(f"Error: unknown flag: {word.partition('=')[0]}")
            if word in VALUED:
                self.flags[word] = rest.pop(0)
            elif word.startswith("-"):
                self.flags[word] = "true"
            else:
                self.positionals.append(word)

    @property
    def app(self) -> str:
        if "-a" not in self.flags:
            raise UsageError("Error: the config for your app is missing an app name")
        return self.flags["-a"]


def read_secrets(text: str) -> dict[str, str]:  # noqa: C901, PLR0912 - branch for branch as the original
    """The current reader of `fly secrets import`: one line at a time, quotes and comments removed."""
    secrets: dict[str, str] = {}
    block: list[str] | None = None
    name = ""
    for raw in text.split("\n"):
        line = raw.removesuffix("\r")
        if len(raw.encode()) >= 65536:
            break  # the scanner's buffer is full, and it says nothing
        if block is not None:
            if line.endswith('"""'):
                secrets[name] = "\n".join([*block, line.removesuffix('"""')])
                block = None
            else:
                block.append(line)
            continue
        if line.startswith("#") or not line.strip():
            continue
        name, equals, value = line.partition("=")
        if not equals:
            raise UsageError(f"Error: Secrets must be provided as NAME=VALUE pairs ({line} is invalid)")
        name, value = name.strip(), value.lstrip(" ")
        before, comment, _ = value.partition("#")
        if comment and before.count('"') % 2 == 0:
            value = before.rstrip(" ")
        if value.startswith('"""') and value.endswith('"""') and len(value) >= 6:
            secrets[name] = value[3:-3]
        elif value.startswith('"""'):
            block = [value.removeprefix('"""')]
        elif value in ('"', "'"):
            raise UsageError("panic: runtime error: slice bounds out of range [1:0]")
        elif value and value[0] in "\"'" and value[-1] == value[0]:
            secrets[name] = value[1:-1]
        else:
            secrets[name] = value
    return secrets


def read_secrets_older(text: str) -> dict[str, str]:
    """The reader before it knew comments and single quotes."""
    secrets: dict[str, str] = {}
    block: list[str] | None = None
    name = ""
    for raw in text.split("\n"):
        line = raw.removesuffix("\r")
        if block is not None:
            if line.endswith('"""'):
                secrets[name] = "\n".join([*block, line.removesuffix('"""')])
                block = None
            else:
                block.append(line)
            continue
        if line.startswith("#") or not line.strip():
            continue
        name, _, value = line.partition("=")
        name, value = name.strip(), value.lstrip(" ")
        if value.startswith('"""'):
            block = [value.removeprefix('"""')]
        elif value.startswith('"') and value.endswith('"'):
            secrets[name] = value[1:-1]
        else:
            secrets[name] = value
    return secrets

"""One operator run: the toolchain's environment, the stack it is about, and the engine called in that environment."""

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from settings import Settings, load

ROOT = Path(__file__).resolve().parent.parent
PASSPHRASE_HINT = (
    "the passphrase does not open this stack: put the one it was made with into the file that "
    "PULUMI_CONFIG_PASSPHRASE_FILE names (0600), or set PULUMI_CONFIG_PASSPHRASE"
)


class OpsError(Exception):
    """A failure the operator can act on; the message says how."""


@dataclass(frozen=True)
class Session:
    """A stack and the environment in which the engine runs on it."""

    stack: str
    environment: Mapping[str, str]
    """Variables beside the caller's own."""
    config_file: Path
    """Stack settings; `Pulumi.<stack>.yaml` unless another was given."""

    @cached_property
    def settings(self) -> Settings:
        """The stack's settings as the program will see them; secret values are left out.

        Raises:
            SettingsError: a setting is unknown or malformed.
            OpsError: the settings file is missing or is not YAML.
        """
        return load(read_config(self.config_file))

    def argv(self, *arguments: str) -> list[str]:
        """The command line of one engine call on this stack."""
        return ["pulumi", *arguments, "--stack", self.stack, "--non-interactive"]

    def with_config(self, *arguments: str, file: Path | None = None) -> list[str]:
        """The command line of an engine call that reads the stack's settings."""
        return [*self.argv(*arguments), "--config-file", str(file or self.config_file)]

    def run(self, argv: Sequence[str]) -> int:
        """Run a command in the program's folder with its output shown; returns the exit code.

        An interrupt reaches the engine, which finishes the step at hand before it stops.
        """
        with subprocess.Popen(argv, cwd=ROOT, env=self._variables()) as process:
            while True:
                try:
                    return process.wait()
                except KeyboardInterrupt:
                    process.send_signal(signal.SIGINT)

    def text(self, argv: Sequence[str], *, stdin: str | None = None) -> str:
        """Standard output of a command.

        Raises:
            OpsError: it failed, with its own words.
        """
        result = subprocess.run(
            argv, cwd=ROOT, env=self._variables(), input=stdin, capture_output=True, text=True, check=False
        )
        if result.returncode != 0:
            raise OpsError(explain(result.stderr.strip() or f"{' '.join(argv[:3])} failed"))
        return result.stdout

    def json(self, argv: Sequence[str]) -> Any:
        """Standard output of a command, as JSON.

        Raises:
            OpsError: it failed or printed something else.
        """
        text = self.text(argv)
        try:
            return json.loads(text)
        except ValueError:
            raise OpsError(f"{' '.join(argv[:3])} did not print JSON") from None

    def exists(self) -> bool:
        """Whether the backend knows the stack."""
        stacks = self.json(["pulumi", "stack", "ls", "--json", "--non-interactive"])
        return any(entry["name"].rpartition("/")[2] == self.stack for entry in stacks)

    def _variables(self) -> dict[str, str]:
        return {**os.environ, **self.environment}


def explain(message: str) -> str:
    """The engine's message, with the fix where it does not name one itself."""
    if "incorrect passphrase" in message:
        return f"{PASSPHRASE_HINT}\n{message}"
    return message


def read_config(path: Path) -> dict[str, str]:
    """Plain settings of a stack file as strings, as the engine hands them to the program.

    Raises:
        OpsError: the file is missing or is not a settings file.
    """
    import yaml

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        entries = dict(document.get("config") or {})
    except FileNotFoundError:
        raise OpsError(f"{path} does not exist: create it, or name another with --config-file") from None
    except (yaml.YAMLError, AttributeError, ValueError, TypeError) as error:
        raise OpsError(f"{path} is not a Pulumi settings file: {error}") from None
    return {key: _as_text(value) for key, value in entries.items() if not _is_secret(value)}


def _is_secret(value: object) -> bool:
    return isinstance(value, dict) and set(value) == {"secure"}


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def open_session(stack: str, config_file: Path | None) -> Session:
    """Get the toolchain ready and return a session on `stack`.

    Raises:
        ToolchainError: engine, plugins or Docker cannot be had.
    """
    from toolchain.docker import ensure_docker
    from toolchain.engine import ensure_engine
    from toolchain.environment import environment
    from toolchain.plugins import ensure_plugins
    from toolchain.report import Report

    report = Report()
    engine = ensure_engine(report)
    ensure_plugins(engine, report)
    variables = environment(engine, ensure_docker(report))
    return Session(stack, variables, (config_file or ROOT / f"Pulumi.{stack}.yaml").resolve())

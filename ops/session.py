"""One operator run: the toolchain's environment, the stack it is about, and the engine called in that environment."""

import json
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

from checks.trust import believe
from ops.stackfile import add_keys, config_of, copy_keys, read_document, remember_salt, working_text
from ops.terminal import waiting
from settings import Settings, ca_bundle, load
from settings.recorded import Recorded, of_resources
from settings.switches import SETTING as SWITCHES
from settings.switches import Switch, SwitchesError, as_text
from toolchain.passing import passed_on
from toolchain.paths import private_folder, state_dir, write_private

if TYPE_CHECKING:
    from toolchain.report import Report

ROOT = Path(__file__).resolve().parent.parent
STANDARD_ERROR = 2
MARK_VARIABLE = "LANGFUSE_STACK_RUN"
"""In the environment of all that a run starts: which stack of which state folder it works on."""
EVENTS_OFFERED = {"PULUMI_DEBUG_COMMANDS": "true"}
"""Has the engine take `--event-log`."""
NOT_OPENED = (
    "the passphrase does not open this stack: put the one it was made with into the file that "
    "PULUMI_CONFIG_PASSPHRASE_FILE names (0600), or set PULUMI_CONFIG_PASSPHRASE"
)

COLOURS = re.compile(r"<\{%.*?%\}>")
"""The engine's own marks in its messages."""

FIXES: Mapping[str, str] = {
    "incorrect passphrase": NOT_OPENED,
    "passphrase must be set": "the state is shared, and so is its passphrase: put it into a file (0600), and set "
    "PULUMI_CONFIG_PASSPHRASE_FILE to its name",
    "the stack is currently locked": "another run is changing this stack, perhaps on another machine: wait until it is "
    "done; nothing was changed here",
}
"""What the engine says to what is done about it."""


class OpsError(Exception):
    """A failure the operator can act on; the message says how."""


class RefusedError(OpsError):
    """Refused before anything was changed; the decision log then says `refused` instead of what was asked for."""


@dataclass(frozen=True)
class Session:
    """A stack and the environment in which the engine runs on it. Its settings are those of the first look at them."""

    stack: str
    """As the engine is told: `<stack>`, `<organization>/<stack>` or `<organization>/<project>/<stack>`."""
    environment: Mapping[str, str]
    """Variables beside those of the caller that are passed on."""
    config_file: Path
    """Stack settings; `Pulumi.<stack>.yaml` unless another was given."""
    held: tuple[Switch, ...] | None = None
    """Switches that runs of this session put in the place of the recorded ones; None leaves those in force."""
    known: Recorded | None = None
    """What the state records, where that is known already; None has it read when it is needed."""

    @property
    def lock_file(self) -> Path:
        """What the stack's images are locked to, beside its settings; it may not be there."""
        from toolchain.images.lock import lock_file

        return lock_file(self.name, self.config_file)

    @property
    def name(self) -> str:
        """The stack's own name, by which files on this machine are called."""
        return stack_name(self.stack)

    @cached_property
    def document(self) -> Mapping[str, Any]:
        """The settings file, read once: what is checked, previewed and applied is the same, whoever edits it meanwhile.

        Raises:
            StackFileError: the settings file is missing or is not one.
        """
        return read_document(self.config_file)

    @cached_property
    def settings(self) -> Settings:
        """The stack's settings as the program will see them, switches included; secret values are left out.

        Raises:
            OpsError: the state cannot be read, or records switches that are none.
            SettingsError: a setting is unknown or malformed.
            StackFileError: the settings file is missing or is not one.
        """
        held = {} if self.held is None else {SWITCHES: as_text(self.held)}
        settings = load({**config_of(self.document), **held}, self.recorded)
        if ca_bundle(settings.stack.ca_bundle):
            believe(str(settings.stack.ca_bundle))
        return settings

    @property
    def switches(self) -> tuple[Switch, ...]:
        """Settings that an operator holds at another value than the settings file's.

        Raises:
            OpsError, SettingsError, StackFileError: see `settings`.
        """
        return self.settings.switches

    @cached_property
    def recorded(self) -> Recorded:
        """What the stack's state records beside resources; nothing for a stack that is not there yet.

        Raises:
            OpsError: the state cannot be read, or records switches that are none.
        """
        if self.known is not None:
            return self.known
        try:
            export = self.json(self.argv("stack", "export"))
            return of_resources((export.get("deployment") or {}).get("resources") or [])
        except SwitchesError as error:
            raise OpsError(str(error)) from None
        except OpsError as error:
            if "no stack named" in str(error):
                return Recorded()
            raise

    def argv(self, *arguments: str) -> list[str]:
        """The command line of one engine call on this stack."""
        return ["pulumi", *arguments, "--stack", self.stack, "--non-interactive"]

    def with_config(self, *arguments: str, **overrides: Any) -> list[str]:
        """The command line of an engine call that reads the stack's settings, from a copy that nobody else writes.

        Args:
            arguments: of the engine.
            overrides: settings `langfuse-stack:<name>` for this run only.
        """
        copy = self._folder / f"Pulumi.{self.name}.{secrets.token_hex(4)}.yaml"
        write_private(copy, self.engine_settings(**overrides))
        return [*self.argv(*arguments), "--config-file", str(copy)]

    def engine_settings(self, **overrides: Any) -> str:
        """The settings as the engine reads them; see `with_config`."""
        held = {} if self.held is None else {SWITCHES: as_text(self.held)}
        changed = {**held, **{f"langfuse-stack:{name}": value for name, value in overrides.items()}}
        return working_text(self.name, self.document, changed)

    @property
    def event_log(self) -> Path:
        """Where an engine call may leave its events for `errors_in`."""
        return self._folder / "events.jsonl"

    @cached_property
    def _folder(self) -> Path:
        folder, remove = private_folder()
        weakref.finalize(self, remove)
        return folder

    def run(self, argv: Sequence[str], *, aside: bool = False, into: IO[str] | None = None) -> int:
        """Run a command in the program's folder with its output shown; returns the exit code.

        An interrupt reaches the engine once, which then finishes the step at hand; a second one ends it at once. In a
        process group of its own it does not also get the terminal's.

        Args:
            argv: of the command.
            aside: show all of it on standard error, since a script reads standard output.
            into: takes all of it instead.

        Raises:
            KeyboardInterrupt: the command was interrupted, and has ended because of it.
        """
        shown, interrupted = into or (STANDARD_ERROR if aside else None), False
        with subprocess.Popen(
            argv, cwd=ROOT, env=self.variables, stdin=subprocess.DEVNULL, stdout=shown, stderr=into, process_group=0
        ) as process:
            while True:
                try:
                    code = process.wait()
                except KeyboardInterrupt:
                    interrupted = True
                    process.send_signal(signal.SIGINT)
                else:
                    if interrupted and code:
                        raise KeyboardInterrupt
                    return code

    def text(self, argv: Sequence[str], *, stdin: str | None = None) -> str:
        """Standard output of a command.

        Raises:
            OpsError: it failed, with its own words.
        """
        with waiting.on(" ".join(argv[:3])):
            result = subprocess.run(
                argv, cwd=ROOT, env=self.variables, input=stdin, capture_output=True, text=True, check=False
            )
        if result.returncode != 0:
            raise OpsError(
                explain(f"{' '.join(argv[:3])}: {result.stderr.strip().removeprefix('error: ') or 'failed'}")
            )
        return result.stdout

    def json(self, argv: Sequence[str], *, stdin: str | None = None) -> Any:
        """Standard output of a command, as JSON.

        Raises:
            OpsError: it failed or printed something else.
        """
        text = self.text(argv, stdin=stdin)
        try:
            return json.loads(text)
        except ValueError:
            raise OpsError(f"{' '.join(argv[:3])} did not print JSON") from None

    def create(self) -> None:
        """Make the stack in the backend, unless it is there.

        Raises:
            OpsError: the backend refuses.
        """
        if self.exists():
            return
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(ROOT / "Pulumi.yaml", folder)
            made = Path(folder) / f"Pulumi.{self.name}.yaml"
            copy_keys(self.config_file, made)
            self.text(["pulumi", "--cwd", folder, "stack", "init", self.stack, "--non-interactive"])
            if self.is_shared:
                add_keys(self.config_file, made)
                self.__dict__.pop("document", None)  # the first look was at a file without them
            else:
                remember_salt(self.name, made)

    @property
    def is_shared(self) -> bool:
        """Whether the state lives where other machines reach it."""
        return urlsplit(self.environment.get("PULUMI_BACKEND_URL", "")).scheme not in {"", "file"}

    def check_passphrase(self) -> None:
        """Find out whether the passphrase opens the stack, after a run that failed without saying so.

        Raises:
            OpsError: it does not, or there is none; names the variable that says where it comes from.
        """
        argv = self.with_config("config", "set", "--secret", "langfuse-stack:probe")
        try:
            self.text(argv, stdin="probe")
        except OpsError as error:
            if any(fix in str(error) for fix in FIXES.values()):
                raise

    def exists(self) -> bool:
        """Whether the backend knows the stack."""
        full = ["--fully-qualify-stack-names"] if "/" in self.stack else []
        stacks = self.json(["pulumi", "stack", "ls", "--json", "--non-interactive", *full])
        organization, name = self.stack.rpartition("/")[::2]
        return any(
            entry["name"] == self.stack
            or (entry["name"].rpartition("/")[2] == name and entry["name"].partition("/")[0] == organization)
            for entry in stacks
        )

    @property
    def variables(self) -> dict[str, str]:
        """What all that this session starts runs in: the caller's variables that are passed on, and over them its own.

        Raises:
            ToolchainError: the caller wants one passed on that can change what runs.
        """
        return {**passed_on(), **self.environment, **EVENTS_OFFERED, MARK_VARIABLE: self.mark}

    @property
    def backend(self) -> str:
        """Where the state is, without what could be a password."""
        url = urlsplit(self.variables.get("PULUMI_BACKEND_URL", ""))
        return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}" if url.scheme else "none is named"

    @property
    def mark(self) -> str:
        """Tells what this stack's runs have started from everything else on the machine."""
        return f"{state_dir()}:{self.name}"


def stack_name(stack: str) -> str:
    """The last part of a stack's name: Pulumi Cloud puts organization and project before it."""
    return stack.rpartition("/")[2]


def errors_in(event_log: Path) -> list[str]:
    """What the engine gave as errors, in its order, each once; nothing where it left no events."""
    try:
        events = [json.loads(line) for line in event_log.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError):
        return []
    said = [event.get("diagnosticEvent") or {} for event in events]
    texts = [COLOURS.sub("", str(entry["message"])).strip() for entry in said if entry.get("severity") == "error"]
    return list(dict.fromkeys(text.removeprefix("error: ") for text in texts if text))


def make(target: str, stack: str) -> str:
    """The command line of a make target, as it can be pasted."""
    return f"make {target}" if stack == "local" else f"make {target} STACK={shlex.quote(stack)}"


def explain(message: str) -> str:
    """The engine's message, with the fix where it does not name one itself."""
    for words, fix in FIXES.items():
        if words in message:
            return f"{fix}\n{message}"
    return message


def open_session(stack: str, config_file: Path | None, *, images: bool = False) -> Session:
    """Get the toolchain ready and return a session on `stack`.

    Args:
        stack: its name.
        config_file: its settings.
        images: on a machine that has none yet, get the stack's images beside the engine.

    Raises:
        ToolchainError: engine, plugins, Docker or images cannot be had.
    """
    from toolchain.environment import environment, shell
    from toolchain.passing import held_back
    from toolchain.ready import make_ready
    from toolchain.resolve import resolution_file

    path = settings_file(stack, config_file)
    first = images and not resolution_file().exists()
    variables = environment(*make_ready(partial(_images, stack_name(stack), path) if first else None))
    if said := held_back(shell(variables)):
        sys.stderr.write(f"{said}\n")
    return Session(stack, variables, path)


def _images(name: str, path: Path, report: "Report") -> None:
    """Get the images that the settings ask for.

    Raises:
        SettingsError, StackFileError: the settings cannot be read.
        ToolchainError: one can be neither pulled nor built.
    """
    from toolchain.images.lock import lock_file, read_lock
    from toolchain.resolve import resolve

    report.step("images", "beside the engine: minutes where they are pulled, up to 15 where all is built")
    references = load(config_of(read_document(path))).image_references
    resolve(references, report, locked=read_lock(lock_file(name, path)))


def settings_file(stack: str, config_file: Path | None) -> Path:
    """Where the settings of `stack` are: in the file that was named, or in the usual one."""
    return (config_file or ROOT / f"Pulumi.{stack_name(stack)}.yaml").resolve()

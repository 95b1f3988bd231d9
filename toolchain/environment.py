"""The environment in which plain `pulumi` works on this program."""

from __future__ import annotations

import os
import secrets
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from toolchain.checkout import see_to_environment, see_to_salt
from toolchain.paths import locked, state_dir
from toolchain.report import ToolchainError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolchain.docker import DockerEngine
    from toolchain.engine import Engine

_ROOT = Path(__file__).resolve().parents[1]
_PASSPHRASE_BYTES = 32
OPTION = "PULUMI_OPTION_"
"""Prefix of the variables from which the engine takes its options."""
_PACK = _ROOT / "policy" / "__main__.py"
POLICY_PACK = _PACK if os.access(_PACK, os.X_OK) else _PACK.parent
"""The policy pack, as a program that the engine starts directly where that is possible."""


def environment(engine: Engine, docker: DockerEngine) -> dict[str, str]:
    """Exactly the variables to export so that `pulumi preview`, `up`, `stack output` work as everywhere else.

    Raises:
        ToolchainError: The passphrase of the state is lost, empty, or readable by others.
    """
    state = state_dir()
    backend = _backend(state)
    see_to_environment(_ROOT, Path(sys.prefix))
    see_to_salt(_ROOT, is_shared=urlsplit(backend).scheme != "file")
    variables = {
        "PATH": _path(engine),
        "PULUMI_HOME": str(engine.pulumi_home),
        "PULUMI_BACKEND_URL": backend,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        # The salt of the passphrase comes from the state when the stack's settings file has lost it.
        "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
        "LANGFUSE_STACK_IMAGES": str(state / "images.json"),
        # The engine and its plugins live for seconds: collecting garbage less often makes them start faster.
        "GOGC": os.environ.get("GOGC", "400"),
    }
    passphrase = _passphrase_file(state / "passphrase", backend)
    if passphrase:
        variables["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(passphrase)
    if urlsplit(backend).scheme in {"http", "https"} and "PULUMI_CREDENTIALS_PATH" not in os.environ:
        # PULUMI_HOME is ours, but who is logged in to Pulumi Cloud is the user's.
        variables["PULUMI_CREDENTIALS_PATH"] = str(Path.home() / ".pulumi")
    if docker.host:
        variables["DOCKER_HOST"] = docker.host
    return variables


def shell(variables: Mapping[str, str]) -> dict[str, str]:
    """`variables`, with which plain `pulumi preview` and `pulumi up` are judged by the policy pack of this program."""
    return {**variables, f"{OPTION}POLICY_PACK": str(POLICY_PACK)}


def _path(engine: Engine) -> str:
    first = [str(Path(sys.executable).parent), str(engine.bin_dir)]
    return os.pathsep.join(first + [entry for entry in os.get_exec_path() if entry not in first])


def _backend(state: Path) -> str:
    if url := os.environ.get("PULUMI_BACKEND_URL"):
        return url
    folder = state / "pulumi"
    folder.mkdir(mode=0o700, exist_ok=True)
    # Without this the engine also writes a side file beside each state file, and not atomically: a run that is killed
    # at that moment leaves a state that nothing can read any more.
    return f"{folder.as_uri()}?metadata=skip"


def _passphrase_file(own: Path, backend: str) -> Path | None:
    """The file to name as the passphrase's; None when the user's environment or the backend sees to it."""
    if "PULUMI_CONFIG_PASSPHRASE" in os.environ:
        return None
    theirs = Path(os.environ.get("PULUMI_CONFIG_PASSPHRASE_FILE") or own)
    if theirs != own:
        if not theirs.is_file():
            raise ToolchainError(f"PULUMI_CONFIG_PASSPHRASE_FILE names {theirs}, which is no file. Set it right.")
        return theirs
    is_shared = urlsplit(backend).scheme != "file"
    if is_shared and not (os.environ.get("PULUMI_CONFIG_PASSPHRASE_FILE") and own.exists()):
        return None  # state that other machines share is not encrypted with a passphrase that only this one has
    if not own.exists():
        with locked(own.with_name(".passphrase.lock"), "the passphrase"):
            if not own.exists():
                _refuse_to_hide_loss(own, backend)
                _generate(own)
    _require_private(own)
    return own


def _generate(path: Path) -> None:
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(_PASSPHRASE_BYTES) + "\n")
    part.rename(path)


def _refuse_to_hide_loss(path: Path, backend: str) -> None:
    """A new passphrase cannot open old state: making one would hide that the old one is gone."""
    url = urlsplit(backend)
    folder = Path(unquote(url.netloc + url.path)).expanduser() / ".pulumi" / "stacks"
    stacks = sorted(file for file in folder.rglob("*") if file.name.endswith((".json", ".json.gz", ".json.zst")))
    if stacks:
        raise ToolchainError(
            f"The passphrase is lost: there is no {path}, but the stack in {stacks[0]} needs it.\n"
            "Put the file back from a backup (mode 0600), or set PULUMI_CONFIG_PASSPHRASE_FILE to where it is."
        )


def _require_private(path: Path) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise ToolchainError(
            f"The passphrase file {path} can be read by others (mode {mode:04o}). Run: chmod 600 {path}\n"
            "If somebody may have read it, change it then: pulumi stack change-secrets-provider passphrase"
        )
    if not path.read_text().strip():
        raise ToolchainError(
            f"The passphrase file {path} is empty. Put the passphrase into it that the stacks were made with, "
            "or remove the file if there are none to keep."
        )

"""What a checkout needs before the engine works in it: its Python environment, and a clean settings file.

`Pulumi.yaml` names the environment `.venv`, which `pulumi install` makes. The commands here use the locked environment
in the cache instead, so that `.venv` is a link to it, unless `pulumi install` made one with the same packages.

The engine writes `encryptionsalt` into the committed file when a stack is made. Where the state is a folder, it belongs
to this machine's own passphrase and is also in the state, so git is told to disregard the line: `.gitattributes` names
the filter, and each checkout has to define it. Where the state is shared, the line is committed as Pulumi means it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from toolchain.report import ToolchainError

if TYPE_CHECKING:
    from pathlib import Path

_SETTINGS = "Pulumi.local.yaml"
_KEY = "filter.pulumi-salt.clean"
_COMMAND = "sed /^encryptionsalt:/d"


def see_to_environment(root: Path, prefix: Path) -> None:
    """Let `.venv` of the checkout at `root` be the environment in which the commands run.

    Args:
        root: of the checkout.
        prefix: of the locked environment.

    Raises:
        ToolchainError: `.venv` is a folder that has other packages.
    """
    own = root / ".venv"
    if own.is_dir() and not own.is_symlink():
        if missing := sorted(_packages(prefix) - _packages(own)):
            raise ToolchainError(
                f"{own} lacks {', '.join(missing[:3])}{' and more' if missing[3:] else ''}: bring it up to date with "
                "`pulumi install`, or remove the folder"
            )
        return
    if not own.is_symlink() or own.readlink() != prefix:
        part = own.with_name(f".venv.{os.getpid()}")
        part.unlink(missing_ok=True)
        part.symlink_to(prefix, target_is_directory=True)
        part.replace(own)


def _packages(prefix: Path) -> set[str]:
    """Installed packages, as `name-version`; those that make environments differ and do not matter."""
    found = {path.name.removesuffix(".dist-info") for path in prefix.glob("lib/python*/site-packages/*.dist-info")}
    return {name for name in found if not name.startswith(("pip-", "setuptools-", "wheel-"))}


def see_to_salt(root: Path, *, is_shared: bool) -> None:
    """Let git see the settings file in the checkout at `root`, if it is one, without a salt that is the machine's own.

    To be called again once the engine has written the salt: git then takes note that nothing was changed.

    Args:
        root: of the checkout.
        is_shared: whether the state, and so the salt, is shared with other machines.
    """
    program = shutil.which("git")
    if program is None or not (root / ".git").exists():
        return

    def git(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([program, "-C", str(root), *args], capture_output=True, text=True, check=False)

    is_defined = git("config", "--local", "--get", _KEY).stdout.strip() == _COMMAND
    if is_shared:
        if is_defined:
            git("config", "--local", "--unset", _KEY)
        return
    if not is_defined:
        git("config", "--local", _KEY, _COMMAND)
    settings = root / _SETTINGS
    has_salt = settings.is_file() and "\nencryptionsalt:" in settings.read_text()
    if has_salt and git("diff", "--quiet", "--", _SETTINGS).returncode == 0:
        # Git takes a file of another size for modified before it looks at the content: tell it the new size.
        git("update-index", "-q", "--", _SETTINGS)

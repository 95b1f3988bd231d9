"""Keeps what Pulumi adds to `Pulumi.local.yaml` on each machine out of commits, where it belongs to that machine.

The engine writes `encryptionsalt` into the committed file when a stack is made. Where the state is a folder, it belongs
to this machine's own passphrase and is also in the state, so git is told to disregard the line: `.gitattributes` names
the filter, and each checkout has to define it. Where the state is shared, the line is committed as Pulumi means it.
"""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_SETTINGS = "Pulumi.local.yaml"
_KEY = "filter.pulumi-salt.clean"
_COMMAND = "sed /^encryptionsalt:/d"


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

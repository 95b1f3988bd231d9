"""Keeps what Pulumi adds to `Pulumi.local.yaml` on each machine out of commits.

The engine writes `encryptionsalt` into the committed file when a stack is made. It belongs to this machine's
passphrase and is also in the state, so git is told to disregard the line: `.gitattributes` names the filter, and
each checkout has to define it. Whatever else is changed in the file shows, and can be committed.
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


def disregard_salt(root: Path) -> None:
    """Let git see the settings file in the checkout at `root`, if it is one, as if it had no salt.

    To be called again once the engine has written the salt: git then takes note that nothing was changed.
    """
    program = shutil.which("git")
    if program is None or not (root / ".git").exists():
        return

    def git(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([program, "-C", str(root), *args], capture_output=True, text=True, check=False)

    if git("config", "--local", "--get", _KEY).stdout.strip() != _COMMAND:
        git("config", "--local", _KEY, _COMMAND)
    settings = root / _SETTINGS
    has_salt = settings.is_file() and "\nencryptionsalt:" in settings.read_text()
    if has_salt and git("diff", "--quiet", "--", _SETTINGS).returncode == 0:
        # Git takes a file of another size for modified before it looks at the content: tell it the new size.
        git("update-index", "-q", "--", _SETTINGS)

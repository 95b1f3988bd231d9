"""Files for nightly backups and a watch. Nothing is installed: the operator puts them where they belong."""

import getpass
import os
from enum import StrEnum
from pathlib import Path
from string import Template

from ops.session import ROOT, OpsError
from toolchain.paths import state_dir

TEMPLATES = Path(__file__).with_name("templates")
FILES = {
    "systemd": (
        "langfuse-backup.service",
        "langfuse-backup.timer",
        "langfuse-rehearse.service",
        "langfuse-rehearse.timer",
        "langfuse-watch.service",
    ),
    "cron": ("langfuse-backup.cron",),
}
INSTALL = {
    "systemd": "copy them to /etc/systemd/system, then: systemctl daemon-reload && "
    "systemctl enable --now langfuse-backup.timer langfuse-rehearse.timer langfuse-watch.service",
    "cron": "copy it to /etc/cron.d/langfuse-backup",
}


class Scheduler(StrEnum):
    """What runs it every night."""

    SYSTEMD = "systemd"
    CRON = "cron"


def rendered(scheduler: Scheduler, stack: str, config_file: Path | None) -> dict[str, str]:
    """File name to content.

    Args:
        scheduler: what the files are for.
        stack: to back up.
        config_file: its settings, unless they are where they usually are.
    """
    options = f"--stack {stack}" + (f" --config-file {config_file.resolve()}" if config_file else "")
    values = {
        "root": str(ROOT),
        "options": options,
        "stack": stack,
        "user": getpass.getuser(),
        "state": str(state_dir()),
        "path": os.environ.get("PATH", os.defpath),
    }
    if any(character in "".join(values.values()) for character in "\n%"):
        raise OpsError("a path with a line end or a % cannot be scheduled: move the checkout or the state folder")
    return {
        name: Template((TEMPLATES / name).read_text(encoding="utf-8")).substitute(values) for name in FILES[scheduler]
    }


def write(files: dict[str, str], folder: Path) -> list[Path]:
    """Write the files; one that is there with other content is left alone.

    Raises:
        OpsError: one is there already, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            path = folder / name
            if path.exists() and path.read_text(encoding="utf-8") != text:
                raise OpsError(f"{path} is there already, with other content: move it away, or choose another folder")
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise OpsError(f"{folder} cannot be written: {error.strerror}") from None
    return [folder / name for name in files]

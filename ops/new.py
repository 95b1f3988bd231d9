"""`new`: the settings file and the inventory of another stack on this machine."""

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from ops import inventory
from ops.answer import answer
from ops.ports import FIRST, LAST, free_block
from ops.session import ROOT, OpsError, RefusedError, settings_file
from ops.stackfile import read_config
from ops.terminal import Console
from policy.inventories import path_of
from settings import load

TEMPLATE = "local"
NAME = re.compile(r"[a-z][a-z0-9-]{0,38}[a-z0-9]")
HEADER = """\
# Stack {name} on Docker, on this machine. docs/settings.md lists all settings; what is not set here keeps its default.
"""


def new(stack: str, config_file: Path | None, *, disposable: bool, as_json: bool) -> None:
    """Write `Pulumi.<stack>.yaml`, with free ports that follow each other, and the stack's inventory.

    Raises:
        OpsError: the name cannot be one of a stack, it has settings or an inventory already, or no ports are free.
    """
    if not NAME.fullmatch(stack):
        raise OpsError(f"{stack!r} cannot be the name of a stack: lower-case letters, digits and hyphens, as in team-a")
    path = settings_file(stack, config_file)
    for existing in (path, path_of(stack)):
        if existing.exists():
            raise RefusedError(f"{_shown(existing)} exists already: nothing was written. `make up STACK={stack}`")
    settings = load({})
    ports = free_block(len(settings.published_ports), set(_claimed()))
    if ports is None:
        raise OpsError(f"no {len(settings.published_ports)} free ports follow each other from {FIRST} to {LAST}")
    config = {
        "langfuse-stack:platform": "docker",
        "langfuse-stack:instance": stack,
        **({"langfuse-stack:disposable": True} if disposable else {}),
        "langfuse:release": settings.release.name,
        **dict(zip(settings.published_ports, ports, strict=True)),
    }
    path.write_text(HEADER.format(name=stack) + yaml.safe_dump({"config": config}, sort_keys=False), encoding="utf-8")
    listed = path_of(stack)
    inventory.write(listed, inventory.for_instance(TEMPLATE, stack, settings.langfuse_version))
    if as_json:
        answer({"settings": str(path), "inventory": str(listed), "ports": ports})
        return
    console = Console()
    console.print(f"wrote {_shown(path)}: ports {ports[0]} to {ports[-1]} of 127.0.0.1")
    console.print(f"wrote {_shown(listed)}: the data it will have")
    console.print(f"Review and commit both, then `make up STACK={stack}`.")


def _claimed() -> Iterator[int]:
    """Ports of every stack whose settings are in the project's folder."""
    for path in sorted(ROOT.glob("Pulumi.*.yaml")):
        yield from load(read_config(path)).published_ports.values()


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)

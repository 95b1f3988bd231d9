"""Who mounts a volume, against who may: a mount is all it takes to read, change or empty one."""

from collections.abc import Iterator, Mapping
from typing import Any

from policy import fly
from policy.inventories import Inventory, command, mounter_of, stack_of
from policy.values import Unknown

CONTAINER = "docker:index/container:Container"
VOLUME = "docker:index/volume:Volume"
HOST_ACCESS = (
    "capabilities",
    "cgroupParent",
    "deviceRequests",
    "devices",
    "ipcMode",
    "pidMode",
    "privileged",
    "runtime",
    "securityOpts",
    "usernsMode",
)
"""Options with which a container reaches the machine, and so every volume on it."""


def mounts(urn: str) -> bool:
    """Whether a resource is one that can mount volumes."""
    return urn.split("::")[2].rpartition("$")[2] == CONTAINER or fly.is_a(fly.SERVICE, urn)


def undeclared(urn: str, props: Mapping[str, Any], inventory: Inventory) -> Iterator[str]:
    """What a resource reaches that it may not, in words; what a preview cannot know is left out.

    Args:
        urn: of a resource for which `mounts` holds.
        props: its inputs, as `policy.values.revealed` returns them.
        inventory: says which services mount which volume.

    Raises:
        policy.fly.RequestError: a Fly service without a readable request.
    """
    if fly.is_a(fly.SERVICE, urn):
        yield from _on_fly(urn, props, inventory)
        return
    for what in _of_the_machine(props):
        yield f"it reaches the machine, and so every volume on it: {what}"
    for volume in _volumes(props):
        found = {key: one for key, one in inventory.resources.items() if key[0].endswith(VOLUME)}
        yield from _refused(urn, volume, {key for key, one in found.items() if one.get("name") == volume}, inventory)


def _on_fly(urn: str, props: Mapping[str, Any], inventory: Inventory) -> Iterator[str]:
    request = fly.request(props)
    if isinstance(request, Unknown):
        return
    named = [request.get("volume"), *_listed((request.get("toml") or {}).get("mounts"))]
    sources = {str(mount.get("source") or mount.get("name")) for mount in named if isinstance(mount, Mapping)}
    for source in sorted(sources):
        keys = {
            key
            for key, one in inventory.resources.items()
            if key[0].endswith(fly.VOLUME) and (one.get("app"), one.get("name")) == (request.get("app"), source)
        }
        yield from _refused(urn, source, keys, inventory)


def _refused(urn: str, volume: str, keys: set[tuple[str, str]], inventory: Inventory) -> Iterator[str]:
    """Nothing where one of the entries of a volume lets the resource mount it."""
    stack, may = stack_of(urn), [inventory.options.get(key, {}).get("mountedBy") for key in keys]
    if not keys:
        yield (
            f"it mounts {volume}, which is no volume in the inventory of stack {stack}. "
            f"If the program declares it as new, `{command(stack)}` adds it; commit the file"
        )
    elif None in may:
        yield (
            f"it mounts {volume}, and the inventory of stack {stack} does not say who may. "
            f"Add that with `{command(stack)}`, and commit the file"
        )
    elif not any(mounter_of(urn) in (services or ()) for services in may):
        yield f"it mounts {volume}, which only {', '.join(sorted({name for one in may for name in one or ()}))} may"


def _of_the_machine(props: Mapping[str, Any]) -> Iterator[str]:
    for option in HOST_ACCESS:
        if props.get(option):
            yield option
    for mount in _listed(props.get("volumes")):
        if mount.get("hostPath"):
            yield f"the folder {mount['hostPath']}"
        if mount.get("fromContainer"):
            yield f"the volumes of container {mount['fromContainer']}"
        if "/" in str(mount.get("volumeName") or ""):
            yield f"the folder {mount['volumeName']}"
    for mount in _listed(props.get("mounts")):
        if mount.get("type") not in {"volume", "tmpfs"}:
            yield f"a mount of type {mount.get('type')}"


def _volumes(props: Mapping[str, Any]) -> list[str]:
    named = [
        *(mount.get("volumeName") for mount in _listed(props.get("volumes"))),
        *(mount.get("source") for mount in _listed(props.get("mounts")) if mount.get("type") == "volume"),
    ]
    return sorted({name for name in named if isinstance(name, str) and name and "/" not in name})


def _listed(value: Any) -> list[Mapping[str, Any]]:
    found = [value] if isinstance(value, Mapping) else value
    return [entry for entry in found if isinstance(entry, Mapping)] if isinstance(found, list) else []

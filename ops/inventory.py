"""`inventory`: what data the program declares, against the stack's inventory; adds what is new, never takes away."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ops.answer import answer
from ops.session import ROOT, OpsError, Session, open_session
from ops.terminal import Console
from policy.data_types import what_is
from policy.fly import RequestError
from policy.guards import guards_of
from policy.identity import Identity, differences, identity_of
from policy.inventories import Inventory, Key, Options, key_of, mounter_of, numbers, parse, path_of
from policy.mounts import mounts
from policy.rules.release_not_downgraded import WEB
from policy.values import Unknown

EMPTY = Inventory({})


@dataclass(frozen=True)
class Difference:
    """A program against an inventory."""

    new: Mapping[Key, Identity]
    """Declared, not listed."""
    missing: tuple[Key, ...]
    """Listed, no longer declared."""
    changed: Mapping[Key, list[str]]
    """Listed and declared, as something else: what differs."""
    new_version: str | None
    """Langfuse version newer than every recorded one."""
    new_options: Mapping[Key, Options] = field(default_factory=dict)
    """Options of which the inventory says nothing so far; what it says of an option stays."""

    @property
    def lost(self) -> bool:
        """Whether the program would lose data that the inventory lists."""
        return bool(self.missing or self.changed)


def inventory(stack: str, config_file: Path | None, *, as_json: bool, check: bool) -> None:
    """The `inventory` command; exits 1 when the program lost or changed something, or, with `check`, has something new.

    Raises:
        OpsError: the program cannot be previewed, or the inventory cannot be read.
    """
    from ops.report import resolve_images

    console = Console(stderr=as_json)
    session = open_session(stack, config_file)
    path = path_of(session.name)
    recorded = _recorded(path)
    resolve_images(session, console)
    session.create()
    declared, found = examined(session)
    if not check:
        write(path, added(recorded, found))
    if as_json:
        answer(_document(path, found, written=not check))
    else:
        _show(path, found, len(declared.resources), console, written=not check)
    if found.lost or (check and (found.new or found.new_version or found.new_options)):
        sys.exit(1)


def examined(session: Session) -> tuple[Inventory, Difference]:
    """What the program declares, and how that differs from the stack's inventory.

    Raises:
        OpsError: the program cannot be previewed, or the inventory cannot be read.
    """
    declared = declared_by(_previewed(session))
    return declared, compare(_recorded(path_of(session.name)), declared)


def add(stack: str, new: Mapping[Key, Identity]) -> None:
    """Add entries to a stack's inventory; every entry it has stays as it is.

    Raises:
        OpsError: the inventory cannot be read.
    """
    path = path_of(stack)
    recorded = _recorded(path)
    write(path, replace(recorded, resources={**new, **recorded.resources}))


def declared_by(resources: Sequence[Mapping[str, Any]]) -> Inventory:
    """The inventory of what a preview would have afterwards.

    Args:
        resources: the new states of its steps.

    Raises:
        OpsError: what identifies a resource is not known before `up`, or cannot be read.
    """
    listed: dict[Key, Identity] = {}
    versions: list[str] = []
    for entry in resources:
        urn, inputs = entry["urn"], entry.get("inputs") or {}
        if entry["type"] == WEB:
            versions.append(str(inputs["version"]))
        if not what_is(urn):
            continue
        try:
            identity = identity_of(urn, inputs)
        except RequestError as error:
            raise OpsError(f"{key_of(urn)[1]}: {error}") from None
        if isinstance(identity, Unknown):
            raise OpsError(f"{key_of(urn)[1]}: what identifies it is known only after `up`; give it plain values")
        listed[key_of(urn)] = identity
    return Inventory(listed, tuple(versions), _options(resources))


def _options(resources: Sequence[Mapping[str, Any]]) -> dict[Key, Options]:
    """The guards of all data, and what mounts it: whatever can mount a volume and has an input that is made from it."""
    mounted: dict[Key, set[str]] = {}
    for entry in resources:
        if mounts(entry["urn"]):
            for urns in (entry.get("propertyDependencies") or {}).values():
                for urn in urns or ():
                    mounted.setdefault(key_of(urn), set()).add(mounter_of(entry["urn"]))
    found: dict[Key, Options] = {}
    for entry in resources:
        key = key_of(entry["urn"])
        if what_is(entry["urn"]):
            options = {"guards": guards_of(entry), "mountedBy": tuple(sorted(mounted.get(key, ())))}
            found[key] = {option: values for option, values in options.items() if values}
    return {key: options for key, options in found.items() if options}


def compare(recorded: Inventory, declared: Inventory) -> Difference:
    """What differs between an inventory and a program."""
    both = recorded.resources.keys() & declared.resources.keys()
    changed = {key: differences(recorded.resources[key], declared.resources[key]) for key in sorted(both)}
    newest = max(map(numbers, recorded.versions), default=())
    return Difference(
        new={key: value for key, value in sorted(declared.resources.items()) if key not in both},
        missing=tuple(sorted(recorded.resources.keys() - both)),
        changed={key: words for key, words in changed.items() if words},
        new_version=next((version for version in declared.versions if numbers(version) > newest), None),
        new_options=dict(_new_options(recorded, declared)),
    )


def _new_options(recorded: Inventory, declared: Inventory) -> Iterator[tuple[Key, Options]]:
    for key, options in sorted(declared.options.items()):
        known = recorded.options.get(key, {})
        if new := {option: values for option, values in options.items() if option not in known}:
            yield key, new


def added(recorded: Inventory, found: Difference) -> Inventory:
    """The inventory with what is new; every entry it has stays as it is."""
    versions = (*recorded.versions, *([found.new_version] if found.new_version else []))
    options = {key: {**new, **recorded.options.get(key, {})} for key, new in found.new_options.items()}
    return Inventory({**found.new, **recorded.resources}, versions, {**recorded.options, **options})


def for_instance(template: str, instance: str, version: str) -> Inventory:
    """The inventory of a stack that differs from another in its instance's name alone.

    Args:
        template: the stack it is like, whose instance is `langfuse`.
        instance: setting `langfuse-stack:instance`.
        version: Langfuse's.
    """
    source = _recorded(ROOT / "policy" / "inventory" / f"{template}.json")
    prefix, own = "langfuse_", f"{instance.replace('-', '_')}_"
    resources = {
        key: {
            field: own + str(value).removeprefix(prefix) if field == "name" and str(value).startswith(prefix) else value
            for field, value in identity.items()
        }
        for key, identity in source.resources.items()
    }
    return Inventory(resources, (version,), source.options)


def write(path: Path, content: Inventory) -> None:
    """Write an inventory, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(content.as_json(), encoding="utf-8")
    unfinished.replace(path)


def _recorded(path: Path) -> Inventory:
    try:
        return parse(path.read_text(encoding="utf-8")) if path.exists() else EMPTY
    except (OSError, ValueError) as error:
        raise OpsError(f"{path} cannot be read: {error}. Put the committed file back; it is never remade.") from None


def _previewed(session: Session) -> list[Mapping[str, Any]]:
    """New states of everything the program declares, from a preview without the pack."""
    result = subprocess.run(
        session.with_config("preview", "--json", "--show-sames"),
        cwd=ROOT,
        env=session.variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        plan = json.loads(result.stdout)
    except ValueError:
        session.check_passphrase()
        raise OpsError(f"the program cannot be previewed: {result.stderr.strip() or result.stdout.strip()}") from None
    if result.returncode != 0:
        raise OpsError("the program cannot be previewed, so nothing was added:\n" + "\n".join(_errors(plan)))
    return [step["newState"] for step in plan["steps"] if "newState" in step]


def _errors(plan: Mapping[str, Any]) -> Iterator[str]:
    for entry in plan.get("diagnostics") or []:
        if entry.get("severity") == "error":
            yield f"  - {entry['message'].strip()}"


def _document(path: Path, found: Difference, *, written: bool) -> dict[str, Any]:
    return {
        "file": str(path),
        "written": written,
        "new": [{"type": type_, "name": name, "identity": identity} for (type_, name), identity in found.new.items()],
        "missing": [{"type": type_, "name": name} for type_, name in found.missing],
        "changed": [{"type": type_, "name": name, "what": what} for (type_, name), what in found.changed.items()],
        "new_version": found.new_version,
        "new_options": [
            {"type": type_, "name": name, **{option: list(values) for option, values in options.items()}}
            for (type_, name), options in found.new_options.items()
            if (type_, name) not in found.new
        ],
    }


def _show(path: Path, found: Difference, declared: int, console: Console, *, written: bool) -> None:
    verb = "added" if written else "new"
    for (type_, name), identity in found.new.items():
        said = ", ".join(f"{field} {value}" for field, value in identity.items())
        console.print(f"[green]+ {name}[/]  {what_is(type_)}: {said}")
    if found.new_version:
        console.print(f"[green]+ Langfuse {found.new_version}[/]")
    for _, name in found.missing:
        console.print(f"[red]- {name}[/]  listed, and no longer in the program")
    for (_, name), what in found.changed.items():
        console.print(f"[red]! {name}[/]  {'; '.join(what)}")
    more = found.new_options.keys() - found.new.keys()
    if more:
        console.print(f"[green]+ guards, or who may mount it, of {len(more)} listed before[/]")
    count = len(found.new) + bool(found.new_version) + len(more)
    console.print(f"{path}: {declared} declared, {count} {verb}.")
    if count and written:
        console.print("Review and commit the file.")
    if found.lost:
        console.print(
            "What the program lost was not taken out: put its declaration back. No command removes or changes an\n"
            "entry; that is an edit of the file, in a change of its own that somebody reviews."
        )

"""Which way a server's version goes: data that a newer one wrote is not opened by an older one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from packaging.version import InvalidVersion, Version

UNKNOWN = "unknown"
_MINIO = re.compile(r"(?:[A-Z]+\.)?(\d{4})-(\d{2})-(\d{2})T(\d{2})-(\d{2})-(\d{2})Z")
"""MinIO counts by the time of a release, and says so behind a word such as RELEASE."""

_LEADING = re.compile(r"\d+(?:\.\d+)*")
"""What of a vendor's own version, such as 24.8.14.10501.altinitystable, can be compared."""


@dataclass(frozen=True)
class Server:
    """One kind of store, by the gate that proves it."""

    name: str
    setting: str
    majors: bool = False
    """Whether another major version, newer or older, cannot open the data at all."""


SERVERS: Mapping[str, Server] = {
    "pulumi-python:dynamic/checks:ClickHouse": Server("ClickHouse", "clickhouse:image"),
    "pulumi-python:dynamic/checks:ObjectStore": Server("MinIO", "minio:image"),
    "pulumi-python:dynamic/checks:Redis": Server("Redis", "redis:image"),
    "pulumi-python:dynamic/checks:Supabase": Server("Postgres", "postgres:image", majors=True),
}
"""Type of a gate to the server behind it."""


def refusal(kind: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, str] | None:
    """Why a planned server may not open the data, and the way that exists; None when it may.

    Args:
        kind: type of a gate.
        old: the gate in the state, with what it saw when it was proven last.
        new: the gate in the plan.
    """
    server, proven, before = SERVERS.get(kind), _proven(old), _of_last_run(old)
    planned = (new.get("inputs") or {}).get("server")
    if not (server and proven and planned) or planned["image"] == before.get("image"):
        return None
    version = str(planned["version"])
    wanted, held = _number(version), _number(proven)
    if wanted is None or held is None:
        # Before anybody recorded the image, it may be the same.
        return _unknown(server, proven) if before else None
    if server.majors:
        return _of_another_major(server, version, proven) if wanted.major != held.major else None
    return _older(server, version, proven) if _common(wanted, held) < _common(held, wanted) else None


def _unknown(server: Server, proven: str) -> tuple[str, str]:
    why = f"{server.name} {proven} was proven on this data, and which version the new image is cannot be told"
    return why, f"name an image that says its version (`make images`): `pulumi config set {server.setting} <reference>`"


def _of_another_major(server: Server, version: str, proven: str) -> tuple[str, str]:
    why = f"{server.name} {version} cannot open what {server.name} {proven} wrote"
    return why, f"put {server.setting} back to that major version; to move, dump and restore: {_WAY}"


def _older(server: Server, version: str, proven: str) -> tuple[str, str]:
    why = f"{server.name} {version} is older than {proven}, which was proven on this data"
    return why, f"put {server.setting} back to {proven} or newer; to go back, dump and restore: {_WAY}"


_WAY = "docs/data-safety.md, 'Servers do not go back'"


def _proven(old: Mapping[str, Any]) -> str | None:
    """What the server said of itself, or else what its image was, when the gate was proven last."""
    outputs = old.get("outputs") or {}
    said = (outputs.get("evidence") or {}).get("version") or _of_last_run(old).get("version")
    return str(said) if said and said != UNKNOWN else None


def _of_last_run(old: Mapping[str, Any]) -> Mapping[str, Any]:
    """Image and version of the server as it was proven last, or else as it was last declared."""
    recorded = (old.get("outputs") or {}).get("server") or (old.get("inputs") or {}).get("server")
    return recorded if isinstance(recorded, Mapping) else {}


def _number(text: str) -> Version | None:
    """A version that can be compared; None when it is none."""
    released = _MINIO.fullmatch(text)
    try:
        return Version(".".join(released.groups()) if released else text)
    except InvalidVersion:
        digits = _LEADING.match(text)
        return Version(digits[0]) if digits else None


def _common(version: Version, other: Version) -> tuple[int, ...]:
    """As much of a version as both say: 25.12 is not older than 25.12.1."""
    return version.release[: len(other.release)]

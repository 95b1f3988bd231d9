"""What is inside an image: the version of its software, and the migrations that Langfuse's web image ships."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from toolchain.images import client
from toolchain.paths import cache_dir, write_private

_CLICKHOUSE_LEDGER = "/app/packages/shared/clickhouse/migrations/unclustered"
_POSTGRES_LEDGER = "/app/packages/shared/prisma/migrations"
_PYTHON_VERSION = "import importlib.metadata as m; print('version', m.version('litellm'))"
_COMMANDS: dict[str, tuple[str, ...]] = {
    "clickhouse": ("clickhouse", "server", "--version"),
    "minio": ("minio", "--version"),
    "redis": ("redis-server", "--version"),
    "postgres": ("postgres", "--version"),
    "litellm": ("python3", "-c", _PYTHON_VERSION),
}
_VERSION = re.compile(r"(?:version |v=|\(PostgreSQL\) )(?:RELEASE\.|DEVELOPMENT\.)?(\d[\w.-]*)")
_RELEASE_TAG = re.compile(r"v?(\d+(?:\.\d+)*)")


@dataclass(frozen=True)
class Facts:
    """`ledgers`: highest ClickHouse migration and number of Postgres migrations, of the web image only."""

    version: str
    ledgers: dict[str, int] | None


def facts_of(service: str, image: str, reference: str) -> Facts:
    """The facts about the image with this id, remembered in the cache; `reference` is what was asked for."""
    remembered = cache_dir() / "images" / "facts" / f"{service}-{image.removeprefix('sha256:')}.json"
    with contextlib.suppress(OSError, ValueError, TypeError):
        return Facts(**json.loads(remembered.read_text()))
    told = _told_version(service, image)
    facts = Facts(told or _tagged_version(reference), _ledgers(image) if service == "langfuse-web" else None)
    if told or service not in _COMMANDS:
        write_private(remembered, json.dumps(asdict(facts)))
    return facts


def _told_version(service: str, image: str) -> str | None:
    """What the program in the image says about itself."""
    if service not in _COMMANDS:
        return None
    program, *arguments = _COMMANDS[service]
    isolated = ("--rm", "--network=none", f"--entrypoint={program}")
    try:
        said = client.run("run", *isolated, image, *arguments)
    except client.DockerCommandError:
        return None
    match = _VERSION.search(said)
    return match[1] if match else None


def _tagged_version(reference: str) -> str:
    tag = _RELEASE_TAG.match(reference.partition("@")[0].rpartition(":")[2])
    return tag[1] if tag else "unknown"


def _ledgers(image: str) -> dict[str, int] | None:
    scripts = [Path(name).name for name in client.tree(image, _CLICKHOUSE_LEDGER)]
    numbers = [int(name.partition("_")[0]) for name in scripts if re.match(r"\d+_.*\.up\.sql$", name)]
    migrations = [name for name in client.tree(image, _POSTGRES_LEDGER) if name.endswith("/migration.sql")]
    if not numbers or not migrations:
        return None
    return {"clickhouse": max(numbers), "postgres": len(migrations)}

"""What is inside an image: the version of its software, and the migrations that Langfuse's web image ships."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from platforms.docker import images
from platforms.docker.client import Docker, DockerError
from toolchain.paths import cache_dir, locked, staged, write_private

FLOOR_LABEL = "langfuse-stack.clickhouse-floor"
_SHARED = "/app/packages/shared"
_MIGRATIONS = ("prisma/migrations", "clickhouse/migrations")
_PYTHON_VERSION = "import importlib.metadata as m; print('version', m.version('litellm'))"
_COMMANDS: dict[str, tuple[str, ...]] = {
    "clickhouse": ("clickhouse", "server", "--version"),
    "minio": ("minio", "--version"),
    "redis": ("redis-server", "--version"),
    "postgres": ("postgres", "--version"),
    "proxy": ("haproxy", "-v"),
    "relay": ("/otelcol-contrib", "--version"),
    "litellm": ("python3", "-c", _PYTHON_VERSION),
    "prometheus": ("prometheus", "--version"),
    "alertmanager": ("alertmanager", "--version"),
    "blackbox-exporter": ("blackbox_exporter", "--version"),
    # These say it as if it were an error.
    "postgres-exporter": ("sh", "-c", "postgres_exporter --version 2>&1"),
    "pushgateway": ("sh", "-c", "pushgateway --version 2>&1"),
    "redis-exporter": ("sh", "-c", "redis_exporter -version 2>&1"),
}
_VERSION = re.compile(r"(?:version |v=|Exporter v?|\(PostgreSQL\) )(?:RELEASE\.|DEVELOPMENT\.)?(\d[\w.-]*)")
_RELEASE_TAG = re.compile(r"v?(\d+(?:\.\d+)*)")


@dataclass(frozen=True)
class Facts:
    """What was found in one image.

    Attributes:
        version: Of its software.
        ledgers: Highest ClickHouse migration and number of Postgres migrations, of the web image only.
        migrations: Folder with the SQL of those migrations, laid out as in the image, of the web image only.
        clickhouse_floor: Oldest ClickHouse that the image says it runs on, by its label `FLOOR_LABEL`.
    """

    version: str
    ledgers: dict[str, int] | None
    migrations: str | None
    clickhouse_floor: list[int] | None = None


def facts_of(service: str, image: str, reference: str) -> Facts:
    """The facts about the image with this id, remembered in the cache; `reference` is what was asked for."""
    remembered = cache_dir() / "images" / "facts" / f"{service}-{image.removeprefix('sha256:')}.json"
    with contextlib.suppress(OSError, ValueError, TypeError):
        facts = Facts(**json.loads(remembered.read_text()))
        if facts.migrations is None or Path(facts.migrations).is_dir():
            return facts
    told = _told_version(service, image)
    migrations = _migrations(image) if service == "langfuse-web" else None
    ledgers = _ledgers(migrations) if migrations else None
    facts = Facts(told or _tagged_version(reference), ledgers, str(migrations) if ledgers else None, _floor(image))
    if told or service not in _COMMANDS:
        write_private(remembered, json.dumps(asdict(facts)))
    return facts


def _floor(image: str) -> list[int] | None:
    found = images.find(image)
    label = found.labels.get(FLOOR_LABEL) if found else None
    return [int(part) for part in label.split(".")] if label else None


def _told_version(service: str, image: str) -> str | None:
    """What the program in the image says about itself."""
    if service not in _COMMANDS:
        return None
    program, *arguments = _COMMANDS[service]
    isolated = ("--rm", "--network=none", f"--entrypoint={program}")
    try:
        said = Docker()("run", *isolated, image, *arguments)
    except DockerError:
        return None
    match = _VERSION.search(said)
    return match[1] if match else None


def _tagged_version(reference: str) -> str:
    tag = _RELEASE_TAG.match(reference.partition("@")[0].rpartition(":")[2])
    return tag[1] if tag else "unknown"


def _migrations(image: str) -> Path:
    """The folder into which the migrations of a web image were taken out of it; its name is the image's id."""
    folder = cache_dir() / "images" / "migrations" / image.removeprefix("sha256:")
    with locked(folder.with_suffix(".lock"), "the migrations of an image"):
        if not folder.is_dir():
            with staged(folder) as part:
                for inside in _MIGRATIONS:
                    images.copy_out(image, f"{_SHARED}/{inside}", ".sql", part / inside)
    return folder


def _ledgers(migrations: Path) -> dict[str, int] | None:
    scripts = [path.name for path in migrations.glob("clickhouse/migrations/unclustered/*.up.sql")]
    numbers = [int(name.partition("_")[0]) for name in scripts if re.match(r"\d+_", name)]
    postgres = len(list(migrations.glob("prisma/migrations/*/migration.sql")))
    return {"clickhouse": max(numbers), "postgres": postgres} if numbers and postgres else None

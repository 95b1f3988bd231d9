"""Reads the migration files of an image from the folder into which they were taken out of it."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from policy.migrations.model import MigrationsError, ShippedFile

CLICKHOUSE_FILE = re.compile(r"(?P<number>\d+)_.+\.up\.sql")
FIX = "run `make images`, which takes the files out of the web image again"


@dataclass(frozen=True)
class Shipped:
    """All migrations of one web image, in the order in which they are applied."""

    clickhouse: Sequence[ShippedFile]
    postgres: Sequence[ShippedFile]

    def pending_clickhouse(self, newest: int) -> list[ShippedFile]:
        """Files after the ledger's newest.

        Raises:
            MigrationsError: the image does not ship that one: the database belongs to another release.
        """
        numbers = [number(file) for file in self.clickhouse]
        if newest and newest not in numbers:
            raise MigrationsError(
                f"no migration found for version {newest}: the ClickHouse ledger is at {newest}, and this image ships "
                f"{numbers[0]} to {numbers[-1]}"
            )
        return [file for file in self.clickhouse if number(file) > newest]

    def pending_postgres(self, finished: frozenset[str]) -> list[ShippedFile]:
        """Files that are not in the ledger.

        Raises:
            MigrationsError: the ledger has newer ones than the image ships.
        """
        last = self.postgres[-1].name
        newer = sorted(name for name in finished if name > last)
        if newer:
            raise MigrationsError(
                f"no migration found for version {newer[-1]}: the Postgres ledger has {len(newer)} that this image, "
                f"whose last is {last}, does not ship"
            )
        return [file for file in self.postgres if file.name not in finished]


def number(file: ShippedFile) -> int:
    """Version of a ClickHouse file."""
    return int(file.name.partition("_")[0])


def read_folder(folder: Path, *, clustered: bool = False) -> Shipped:
    """The migrations in a folder laid out as `packages/shared` in Langfuse's image.

    Args:
        folder: with `prisma/migrations/<name>/migration.sql` and `clickhouse/migrations/{un,}clustered/*.up.sql`.
        clustered: which of the two ClickHouse sets will be applied.

    Raises:
        MigrationsError: it cannot be read, or one of the two sets is absent, has a gap in its names or doubles.
    """
    try:
        postgres = [
            _file(path, path.parent.name, "postgres")
            for path in sorted((folder / "prisma" / "migrations").glob("*/migration.sql"), key=lambda p: p.parent.name)
        ]
        paths = (folder / "clickhouse" / "migrations" / ("clustered" if clustered else "unclustered")).glob("*.sql")
        found = [path for path in paths if not path.name.endswith(".down.sql")]
        strange = sorted(path.name for path in found if not CLICKHOUSE_FILE.fullmatch(path.name))
        clickhouse = [_file(path, path.name, "clickhouse") for path in found if path.name not in strange]
    except (OSError, UnicodeDecodeError) as error:
        raise MigrationsError(f"{folder} cannot be read ({error}): {FIX}") from error
    clickhouse.sort(key=number)
    numbers = [number(file) for file in clickhouse]
    twice = sorted({entry for entry in numbers if numbers.count(entry) > 1})
    if strange or twice:
        raise MigrationsError(f"{folder}: {', '.join([*strange, *map(str, twice)])}: not NNNN_name.up.sql, once each")
    if not postgres or not clickhouse:
        absent = "Postgres" if not postgres else "ClickHouse"
        raise MigrationsError(f"{folder} has no {absent} migrations: {FIX}")
    return Shipped(clickhouse, postgres)


def _file(path: Path, name: str, dialect: str) -> ShippedFile:
    content = path.read_bytes()
    return ShippedFile(dialect, name, content.decode("utf-8"), hashlib.sha256(content).hexdigest())  # type: ignore[arg-type]

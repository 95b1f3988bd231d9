"""What a backup consists of: written last, so that only a backup that has one is a backup."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

NAME = "manifest.json"
Kind = Literal["full", "incremental"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Object(_Record):
    """One object of a bucket, in one version."""

    key: str
    size: int
    """Bytes."""
    etag: str
    version: str


class Part(Object):
    """An object whose bytes were hashed while they were written."""

    sha256: str


class Table(_Record):
    """Content of one table."""

    name: str
    rows: int
    hash: str
    """Equal for equal content; of ClickHouse, over the hashes of its parts' files."""


class ClickHouse(_Record):
    """What ClickHouse wrote by itself."""

    version: str
    database: str
    ledger: int
    """Newest migration."""
    tables: Sequence[Table]
    files: int
    """Files of the database, with those that the base holds."""
    objects: int
    size: int
    """Bytes in the bucket, without those that the base holds."""
    written_seconds: float


class Postgres(_Record):
    """The dump of a schema."""

    version: str
    schema_name: str
    ledger: int
    """Finished migrations."""
    owner: str
    tables: Sequence[Table]


class Bucket(_Record):
    """What one bucket of the stack held; its objects are listed in a part of the backup."""

    name: str
    objects: int
    size: int


class Manifest(_Record):
    """One backup."""

    format: Literal[1] = 1
    id: str
    kind: Kind
    base: str | None
    """Backup without which this one cannot be restored."""
    stack: str
    langfuse: str
    """Version."""
    started: datetime
    """What was written before is in the backup."""
    finished: datetime
    clickhouse: ClickHouse
    postgres: Postgres
    buckets: Sequence[Bucket]
    parts: Sequence[Part]
    gateway: Postgres | None = None
    """Of the gateway's database; `None` where it has none on the stack's Postgres."""

    def as_json(self) -> str:
        """As it is stored: former versions read it too, unless the gateway has a database."""
        return self.model_dump_json(indent=1, exclude=None if self.gateway else {"gateway"})

    @property
    def age_seconds(self) -> float:
        """How much would be lost by going back to it now."""
        return (datetime.now(UTC) - self.started).total_seconds()

    @property
    def size(self) -> int:
        """Bytes in the bucket."""
        return self.clickhouse.size + sum(part.size for part in self.parts)

    def part(self, name: str) -> Part:
        """The part of that file name."""
        return next(part for part in self.parts if part.key == f"{self.id}/{name}")


DUMP, LISTING, BUCKETS = "postgres.dump", "clickhouse.jsonl.gz", "buckets.jsonl.gz"
GATEWAY_DUMP = "gateway.dump"
"""File names of the parts: the dumps, what ClickHouse wrote, and what the stack's buckets held."""


def new_id(kind: Kind) -> str:
    """Name of a backup that starts now; sorts by time, and no two are the same."""
    now = datetime.now(UTC)
    return f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03}Z-{kind}-{secrets.token_hex(3)}"

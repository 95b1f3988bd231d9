"""Where the image keeps its migrations: the same paths as in Langfuse's own image."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """The folder that Langfuse calls packages/shared."""

    shared: Path

    @property
    def postgres(self) -> Path:
        """One folder per migration, each with a migration.sql."""
        return self.shared / "prisma" / "migrations"

    @property
    def cleanup(self) -> Path:
        """Run before the Postgres migrations, its failure ignored."""
        return self.shared / "scripts" / "cleanup.sql"

    def clickhouse(self, *, clustered: bool) -> Path:
        """`NNNN_name.up.sql` files."""
        return self.shared / "clickhouse" / "migrations" / ("clustered" if clustered else "unclustered")

    def old_clickhouse(self, *, clustered: bool) -> Path:
        """Replacements for the files that need a newer ClickHouse; used in tests only."""
        return self.shared / "clickhouse" / "old_clickhouse" / ("clustered" if clustered else "unclustered")


def layout() -> Layout:
    """The layout of this image; LANGFUSE_STANDIN_SHARED moves it, to run outside an image."""
    return Layout(Path(os.environ.get("LANGFUSE_STANDIN_SHARED", "/app/packages/shared")))

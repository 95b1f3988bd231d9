"""What the migration gate talks about: shipped files, live databases, and a verdict with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal

Dialect = Literal["clickhouse", "postgres"]

LEDGERS = frozenset({"_prisma_migrations", "schema_migrations", "langfuse_standin"})
"""Tables in which the migrations themselves are noted."""


class MigrationsError(Exception):
    """The shipped files or the approvals cannot be read, so nothing may pass; the message says what to do."""


class Verdict(IntEnum):
    """How dangerous a statement is; a file is as dangerous as its worst statement."""

    ADDITIVE = 0
    NET_ADDITIVE = 1
    """Takes away only what the same pending files made, or what exists and holds no rows."""
    DESTRUCTIVE = 2

    @property
    def word(self) -> str:
        """As it is shown."""
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True)
class Effect:
    """One thing that a statement does, as far as it was understood.

    Attributes:
        does: `makes` an object; `keeps` all data; `takes` rows, or the whole of an object, away; `writes` changes or
            removes rows of a plain table by DML; `fills` a table that must be new; is `opaque`, so that it is safe only
            where no table holds rows; is `unsafe` whatever the databases hold.
        what: kind of the object (`table`, `view`, `column` …), or the reason for `opaque` and `unsafe`.
        name: the object, without its own database or schema; empty when there is none.
        column: the only column whose values are lost; None for all of them.
        origin: of an object that is made: the one it was until now. Of values that change their type and nothing else:
            the type that they get.
    """

    does: Literal["makes", "keeps", "takes", "writes", "fills", "opaque", "unsafe"]
    what: str
    name: str = ""
    column: str | None = None
    origin: str = ""


@dataclass(frozen=True)
class Existing:
    """A table or view of a live database."""

    kind: str
    """`table` or `view`."""
    rows: int
    """Rows it holds itself; for a materialized view without a table of its own name, those of its inner table."""
    columns: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Live:
    """What one live database is known to hold.

    Attributes:
        namespace: Langfuse's own ClickHouse database or Postgres schema.
        objects: by name.
        applied: names of finished Postgres migrations, or the number of the newest ClickHouse one as text.
    """

    namespace: str
    objects: Mapping[str, Existing] = field(default_factory=dict)
    applied: frozenset[str] = frozenset()

    @property
    def holds_rows(self) -> bool:
        """Whether anything in it could be lost."""
        return any(found.rows for name, found in self.objects.items() if name not in LEDGERS)


@dataclass(frozen=True)
class ShippedFile:
    """One migration that an image ships."""

    dialect: Dialect
    name: str
    """`NNNN_name.up.sql`, or the name of the Postgres migration's folder."""
    sql: str
    sha256: str
    """Of the file's bytes: what an approval names."""


@dataclass(frozen=True)
class Judged:
    """One statement of a pending file."""

    statement: str
    """Shortened to one line."""
    verdict: Verdict
    why: str
    object: str = ""
    rows: int = 0


@dataclass(frozen=True)
class FileVerdict:
    """One pending file."""

    file: ShippedFile
    statements: tuple[Judged, ...]
    approved: str = ""
    """Reason given in the approval of this very content; empty without one."""

    @property
    def verdict(self) -> Verdict:
        """That of its worst statement."""
        return max((judged.verdict for judged in self.statements), default=Verdict.ADDITIVE)

    @property
    def blocks(self) -> bool:
        """Whether web must not boot."""
        return self.verdict is Verdict.DESTRUCTIVE and not self.approved

    @property
    def worst(self) -> Judged | None:
        """The statement that decides."""
        return max(self.statements, key=lambda judged: judged.verdict, default=None)

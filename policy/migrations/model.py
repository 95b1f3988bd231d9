"""What the migration gate talks about: shipped files, live databases, and a verdict with its reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Literal

Dialect = Literal["clickhouse", "postgres"]
Does = Literal["makes", "keeps", "takes", "writes", "adds", "feeds", "stays", "unknown", "outside"]

LEDGERS = frozenset({"_prisma_migrations", "schema_migrations", "langfuse_standin"})
"""Tables in which the migrations themselves are noted."""


class MigrationsError(Exception):
    """The shipped files or the approvals cannot be read, so nothing may pass; the message says what to do."""


class UnreadableError(Exception):
    """A parser did not understand a text; the message is what it said."""


class Verdict(IntEnum):
    """How dangerous a statement is; a file is as dangerous as its worst statement."""

    ADDITIVE = 0
    NET_ADDITIVE = 1
    """Takes away only what the same pending files made, or what exists and holds no rows."""
    UNKNOWN = 2
    """Was not understood, where no table holds a row: the server decides, and nothing can be lost."""
    DESTRUCTIVE = 3

    @property
    def word(self) -> str:
        """As it is shown."""
        return self.name.lower().replace("_", "-")


class Cause(Enum):
    """Why a statement is destructive; the value is what the operator does about it."""

    LOSS = "back up and make sure that nobody needs these rows"
    UNKNOWN = "read the statement and find out what it does: no rule knows it"
    UNREADABLE = "read the file and find out why the database's own parser refuses it; it may be for another version"
    OUTSIDE = "ask whoever owns what it names: it is not Langfuse's own"


@dataclass(frozen=True)
class Effect:
    """One thing that a statement does.

    Attributes:
        does: `makes` an object; `keeps` all data; `takes` rows, or the whole of an object, away; `writes` changes or
            removes rows of a table; `adds` rows; `feeds` a table with whatever a view computes; `stays` at home, which
            is all that is known of it; is `unknown`, so that it is safe only where no table holds rows; reaches
            `outside` Langfuse's own database or schema.
        what: kind of the object (`table`, `view`, `column` …), or the reason for `unknown` and `outside`.
        name: the object, without its own database or schema; empty when there is none.
        column: the only column whose values are lost; None for all of them.
        origin: of an object that is made: the one it was until now. Of values that change their type and nothing else:
            the type that they get.
        type: of a column that is made or changed: its new type, as the server notes it; empty when it is none or is
            computed.
        cause: of `unknown`: whether it could be read at all.
    """

    does: Does
    what: str
    name: str = ""
    column: str | None = None
    origin: str = ""
    type: str = ""
    cause: Cause = Cause.UNKNOWN


KEEPS = Effect("keeps", "data")


@dataclass(frozen=True)
class Statement:
    """One statement, as the database's own parser reads it.

    Attributes:
        text: as it is written.
        effects: what it does.
        reads: objects whose rows it may copy.
        cascades: tables whose rows take others with them when they go, from now on.
    """

    text: str
    effects: Sequence[Effect]
    reads: frozenset[str] = frozenset()
    cascades: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Existing:
    """A table or view of a live database."""

    kind: str
    """`table` or `view`."""
    rows: int
    """Rows it holds itself; for a materialized view without a table of its own name, those of its inner table."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Name to type."""


@dataclass(frozen=True)
class Live:
    """What one live database is known to hold.

    Attributes:
        namespace: Langfuse's own ClickHouse database or Postgres schema.
        objects: by name.
        applied: names of finished Postgres migrations.
        queries: view to the query that it computes its rows by.
    """

    namespace: str
    objects: Mapping[str, Existing] = field(default_factory=dict)
    applied: frozenset[str] = frozenset()
    queries: Mapping[str, str] = field(default_factory=dict)

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
    cause: Cause = Cause.LOSS


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

"""Rows about ClickHouse's migration ledger, its cluster mode and its full-text search."""

import re
import time
from dataclasses import dataclass
from typing import Literal

from components.langfuse import WEB
from ops.doctor.access import Access
from ops.doctor.ask import clickhouse, text_of
from ops.doctor.looks import environment
from ops.doctor.row import NotApplicableError, Part, Row, Seen, fine, wrong

MIGRATIONS = "/app/packages/shared/clickhouse/migrations/unclustered"
"""Folder in web's image."""
SETTLING_SECONDS = 1.0
"""A server finishes what a killed client had sent, so the ledger may still move."""
COMMENT = re.compile(r"--[^\n]*")
NAME = r"(?:\S+\.)?`?(\w+)`?"
CREATED = re.compile(
    rf"CREATE\s+(?:OR\s+REPLACE\s+)?(?:TABLE|(?:MATERIALIZED\s+)?VIEW)\s+(?:IF\s+NOT\s+EXISTS\s+)?{NAME}", re.IGNORECASE
)
DROPPED = re.compile(rf"DROP\s+(?:TABLE|VIEW)\s+(?:IF\s+EXISTS\s+)?{NAME}", re.IGNORECASE)
ALTERED = re.compile(rf"ALTER\s+TABLE\s+{NAME}(?P<rest>[^;]*)", re.IGNORECASE)
ADDED = re.compile(r"ADD\s+(?:COLUMN|INDEX)\s+(?:IF\s+NOT\s+EXISTS\s+)?`?(\w+)`?", re.IGNORECASE)
TAKEN = re.compile(r"DROP\s+(?:COLUMN|INDEX)\s+(?:IF\s+EXISTS\s+)?`?(\w+)`?", re.IGNORECASE)


@dataclass(frozen=True)
class Step:
    """One thing a migration leaves behind."""

    object: str
    """`table`, or `table.part` for a column or index."""
    there: bool
    """Whether the object is there once the step is done."""


def steps(migration: str) -> list[Step]:
    """What a migration's statements leave behind, as far as that can be looked up afterwards."""
    text = COMMENT.sub("", migration)
    found = [(match.start(), Step(match[1], there=True)) for match in CREATED.finditer(text)]
    found += [(match.start(), Step(match[1], there=False)) for match in DROPPED.finditer(text)]
    for match in ALTERED.finditer(text):
        for pattern, there in ((ADDED, True), (TAKEN, False)):
            parts = pattern.finditer(match["rest"])
            found += [(match.start("rest") + part.start(), Step(f"{match[1]}.{part[1]}", there)) for part in parts]
    in_order = [step for _, step in sorted(found, key=lambda entry: entry[0])]
    return list({step.object: step for step in in_order}.values())


def progress(wanted: list[Step], existing: set[str]) -> Literal["done", "not begun", "half done"]:
    """How far a migration came, by the objects that exist."""
    done = [(step.object in existing) == step.there for step in wanted]
    if all(done):
        return "done"
    return "half done" if any(done) else "not begun"


def _dirty(access: Access) -> Seen:
    row = _newest(access)
    if row is None:
        return fine("no ledger yet")
    version, dirty = row
    if not dirty:
        return fine(f"ledger at {version}, clean")
    time.sleep(SETTLING_SECONDS)
    if _newest(access) != row:
        return wrong(
            f"version {version} was dirty a moment ago and still moves", "ask again in a minute: `make doctor`"
        )
    return _advice(access, version)


def _advice(access: Access, version: int) -> Seen:
    text = access.inspector.migration(WEB, MIGRATIONS, version)
    if text is None:
        return wrong(f"version {version} is dirty, and web's image has no such file: it is older than the ledger")
    wanted = steps(text)
    database = access.clickhouse.database
    existing = {str(name) for (name,) in clickhouse(access.operator, "objects.sql", database=database)}
    state = progress(wanted, existing)
    lacking = [step.object for step in wanted if (step.object in existing) != step.there]
    evidence = (
        f"version {version} is dirty; of what its file does, {len(wanted) - len(lacking)} of {len(wanted)} is done"
    )
    if not wanted:
        return wrong(
            f"version {version} is dirty, and its file leaves nothing that could be looked up",
            f"read the file, and if its effect is there: {_insert(version)}; else: {_insert(version - 1)}",
        )
    if state == "half done":
        return wrong(
            f"{evidence}; missing: {', '.join(lacking)}",
            f"run by hand those statements of file {version} that make {', '.join(lacking)}, then {_insert(version)}",
        )
    clean = version if state == "done" else version - 1
    return wrong(evidence, _insert(clean))


def _insert(version: int) -> str:
    statement = text_of("clean_ledger.sql").replace("{version}", str(version))
    return f"{{clickhouse {statement}}}, then {{restart langfuse-web}}"


def _newest(access: Access) -> tuple[int, bool] | None:
    database = access.clickhouse.database
    if not clickhouse(access.operator, "EXISTS TABLE {database:Identifier}.schema_migrations", database=database)[0][0]:
        return None
    rows = clickhouse(access.operator, "ledger.sql", database=database)
    return (int(rows[0][0]), bool(rows[0][1])) if rows else None


def _newer_than_image(access: Access) -> Seen:
    row, ships = _newest(access), access.ledgers.get("clickhouse")
    if ships is None:
        raise NotApplicableError("it is not known what the image ships")
    if row is None:
        return fine("no ledger yet")
    if row[0] > ships:
        return wrong(f"the ledger is at {row[0]}, the image ships {ships}")
    return fine(f"ledger {row[0]}, image {ships}")


def _flag(access: Access) -> bool:
    """Whether web or worker works in cluster mode: everything but the literal `false` says so."""
    flags = [
        environment(access.inspector, service).get("CLICKHOUSE_CLUSTER_ENABLED", "true")
        for service in ("langfuse-web", "langfuse-worker")
    ]
    return any(flag != "false" for flag in flags)


def _keeper(access: Access) -> bool:
    return bool(clickhouse(access.operator, "SELECT count() FROM system.tables WHERE name = 'zookeeper'")[0][0])


def _cluster_flag(access: Access) -> Seen:
    if not _flag(access):
        return fine("CLICKHOUSE_CLUSTER_ENABLED is false on web and worker")
    if _keeper(access):
        return fine("cluster mode, and there is a keeper")
    return wrong("CLICKHOUSE_CLUSTER_ENABLED is not literally false on web and worker, and the server has no keeper")


def _cluster_definition(access: Access) -> Seen:
    if not (_flag(access) and _keeper(access)):
        raise NotApplicableError("a single node")
    clusters = {str(row[0]) for row in clickhouse(access.operator, "SELECT DISTINCT cluster FROM system.clusters")}
    macros = {str(row[0]) for row in clickhouse(access.operator, "SELECT macro FROM system.macros")}
    missing = [f"cluster {name}" for name in {"default"} - clusters]
    missing += [f"macro {name}" for name in sorted({"shard", "replica"} - macros)]
    return wrong(f"missing: {', '.join(missing)}") if missing else fine("cluster default, macros shard and replica")


ROWS = (
    Row(
        id="clickhouse-ledger-dirty",
        part=Part.CLICKHOUSE,
        symptom="Dirty database version N. Fix and force version.",
        cause="web was killed in the middle of a migration",
        detected="newest row of schema_migrations; which objects of file N exist, as web's image has it",
        fix="INSERT a clean row: N where all that file N makes exists, N-1 where nothing does",
        probe=_dirty,
    ),
    Row(
        id="langfuse-older-than-ledger",
        part=Part.LANGFUSE,
        symptom="no migration found for version N: read down",
        cause="Langfuse's image is older than the one that migrated last",
        detected="newest row of schema_migrations against what web's image ships",
        fix="`pulumi config set langfuse:version <the newer one>`, then `make up`; there is no way back",
        probe=_newer_than_image,
    ),
    Row(
        id="clickhouse-cluster-flag",
        part=Part.CLICKHOUSE,
        symptom="code: 139, There is no Zookeeper configuration in server config",
        cause="CLICKHOUSE_CLUSTER_ENABLED is not literally `false` for a single node",
        detected="the variable on web and worker, and whether the server has a keeper",
        fix="take CLICKHOUSE_CLUSTER_ENABLED out of `langfuse:extraEnv`, then `make up`",
        probe=_cluster_flag,
    ),
    Row(
        id="clickhouse-cluster-definition",
        part=Part.CLICKHOUSE,
        symptom="Requested cluster 'default' not found; No macro 'shard' in config",
        cause="cluster mode, but the server knows no cluster `default` or lacks the macros `shard` and `replica`",
        detected="system.clusters and system.macros, in cluster mode",
        fix="define the cluster and the macros in config.d, then `make up`",
        probe=_cluster_definition,
    ),
    Row(
        id="clickhouse-full-text",
        part=Part.CLICKHOUSE,
        symptom="search box answers 500: events.all, Code: 344 … enable_full_text_index",
        cause="early builds of release 4 do not send the setting with their query",
        detected="in web's log of the last 15 minutes",
        fix="`pulumi config set langfuse:version <newer>`, then `make up`",
    ),
)

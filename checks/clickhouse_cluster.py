"""Proof that several ClickHouse servers are one cluster: all there, each with all tables, none behind."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checks.base import CheckFailedError
from checks.clickhouse_login import rows

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

CLUSTER = "default"
"""The name is in the text of Langfuse's migrations."""
NAMED = 5
KNOWN_ALONE = Path(__file__).with_name("clickhouse_unreplicated.toml")
"""Tables that Langfuse itself makes on each server alone, by name and release."""


@dataclass(frozen=True)
class Lag:
    """A table of one server that is not as on the others."""

    server: str
    table: str
    closed: bool
    """Read-only, or without a keeper."""
    active: int
    """Servers that take part."""
    wanted: int
    waiting: int
    """Entries of its queue that would change rows."""
    seconds: int
    """Age of the oldest."""

    def __str__(self) -> str:
        """For the operator: which table of which server, and what about it."""
        if self.closed:
            what = "read-only, the keepers are lost to it"
        elif self.active < self.wanted:
            what = f"{self.active} of {self.wanted} servers take part"
        else:
            what = f"{self.waiting} entries wait, the oldest for {self.seconds} s"
        return f"{self.server} {self.table}: {what}"


def members(client: "Client", wanted: Sequence[str]) -> dict[str, str]:
    """Server to its identity, all of them asked by way of one.

    Args:
        client: as the operator's user.
        wanted: name of every server.

    Raises:
        CheckFailedError: the cluster is not defined as it must be, or one of its servers does not answer.
    """
    query = "SELECT host_name FROM system.clusters WHERE cluster = {cluster:String}"
    listed = rows(client, query, cluster=CLUSTER)
    if len(listed) != len(wanted):
        raise CheckFailedError(
            f"servers of cluster {CLUSTER} in system.clusters",
            f"{len(listed)} servers, not {len(wanted)}",
            "`make up` puts components/files/clickhouse/cluster.xml in place; take your own remote_servers out",
            final=True,
        )
    found = {str(replica): (str(shard), str(server)) for replica, shard, server, _ in _all(client)}
    if lost := sorted(set(wanted) - {replica for replica, (shard, _) in found.items() if shard}):
        raise CheckFailedError(
            "clickhouse_cluster_members.sql",
            f"no macros shard and replica of: {', '.join(lost)}",
            "`make up` puts components/files/clickhouse/cluster.xml in place; take your own macros out",
        )
    return {replica: server for replica, (_, server) in found.items()}


def replicated(client: "Client", database: str, count: int) -> None:
    """Prove that every server has every table, and has what the others have.

    Args:
        client: as the operator's user.
        database: Langfuse's.
        count: of servers.

    Raises:
        CheckFailedError: a table is on one server alone and is no known empty one, is missing on another, is
            read-only, or lags behind.
    """
    import tomllib

    alone = {
        str(name): int(held) for name, held in rows(client, "clickhouse_cluster_unreplicated.sql", database=database)
    }
    known = tomllib.loads(KNOWN_ALONE.read_text(encoding="utf-8"))
    if strange := sorted(set(alone) - set(known)):
        raise CheckFailedError(
            "clickhouse_cluster_unreplicated.sql",
            f"tables of a single server: {named(strange)}",
            "no release makes them replicated: set clickhouse:replicas back to 1, or move to a new stack "
            "(docs/operations.md, Scaling)",
            final=True,
        )
    if filled := {name: held for name, held in alone.items() if held}:
        raise CheckFailedError(
            "clickhouse_cluster_unreplicated.sql",
            f"rows in tables that Langfuse does not replicate: {named(f'{name} ({n})' for name, n in filled.items())}",
            "each server has other rows there, and no Langfuse release reads them: find out who wrote them and copy "
            "them elsewhere, then empty the tables on every server",
            final=True,
        )
    if missing := rows(client, "clickhouse_cluster_missing_tables.sql", database=database, members=count):
        raise CheckFailedError(
            "clickhouse_cluster_missing_tables.sql",
            f"not on every server: {named(name for name, _ in missing)}",
            "a server that was away while Langfuse migrated makes up for it by itself; if not, see its log",
        )
    if lags := lagging(client, database, count):
        raise CheckFailedError(
            "clickhouse_cluster_lag.sql",
            named(lags),
            "`make status` shows a server or keeper that is not up; otherwise wait, it catches up by itself",
        )


def lagging(client: "Client", database: str, count: int) -> list[Lag]:
    """Every table of a server that is not as on the others at this moment.

    Raises:
        CheckFailedError: a server does not answer.
    """
    return [
        Lag(str(replica), str(table), bool(closed), int(active), count, int(waiting), int(delay))
        for replica, table, closed, active, waiting, delay in rows(
            client, "clickhouse_cluster_lag.sql", database=database, members=count
        )
    ]


def unchanged(olds: Mapping[str, Any], news: Mapping[str, Any]) -> str:
    """Why a stack that was put up cannot get other servers; empty where it keeps the ones it has.

    Args:
        olds: inputs that the gate was proven with; empty before it ever was.
        news: inputs that it has now.
    """
    if not olds:
        return ""
    was, now = len(olds.get("cluster") or [""]), len(news.get("cluster") or [""])
    if was == now:
        return ""
    if was == 1:
        why = "its tables are those of a single server, and no Langfuse release makes them replicated"
    elif now < was:
        why = "the volumes of the others would no longer belong to anything"
    else:
        why = "a further server would have none of the tables, and no Langfuse release makes them there"
    return (
        f"clickhouse:replicas was {was} when this stack was put up and is now {now}: {why}. Nothing was changed. "
        f"Set it back with `pulumi config set clickhouse:replicas {was}`; for {now}, make a new stack with another "
        "langfuse-stack:instance and move the traces (docs/operations.md, Scaling)"
    )


def _all(client: "Client") -> list[Sequence[Any]]:
    try:
        return rows(client, "clickhouse_cluster_members.sql")
    except CheckFailedError as failure:
        raise CheckFailedError(
            failure.probe,
            failure.seen,
            "every server must answer: `make status` shows which is not up",
            final=failure.final,
        ) from None


def named(names: Iterable[object]) -> str:
    """The first few of many, in words."""
    listed = list(names)
    more = f" and {len(listed) - NAMED} more" if len(listed) > NAMED else ""
    return ", ".join(str(name) for name in listed[:NAMED]) + more

"""Rows about a ClickHouse cluster: its servers, its keepers, and whether all hold the same."""

from checks.clickhouse_cluster import lagging, members, named
from ops.doctor.access import Access
from ops.doctor.looks import instances
from ops.doctor.row import NotApplicableError, Part, Row, Seen, fine, wrong


def _replicas(access: Access) -> Seen:
    servers = access.clickhouse_servers
    if len(servers) == 1:
        raise NotApplicableError("a single node")
    away = [
        name for name in servers if not any(facts.state == "running" for facts in instances(access.inspector, name))
    ]
    if away:
        return wrong(f"does not run: {', '.join(away)}", f"`python -m ops start {away[0]}`, which then catches up")
    client = access.operator.connect()
    try:
        members(client, servers)
        late = [
            lag
            for lag in lagging(client, access.clickhouse.database, len(servers))
            if lag.closed or lag.active < lag.wanted or lag.seconds > access.limits.lag_seconds
        ]
    finally:
        client.close()
    return wrong(named(late)) if late else fine(f"{len(servers)} servers, none behind")


ROWS = (
    Row(
        id="clickhouse-replicas",
        part=Part.CLICKHOUSE,
        symptom="Code: 242, Table is in readonly mode; rows that are missing on one server of a cluster",
        cause="a server of the cluster is away or has not caught up, or two of the three keepers are away",
        detected="every server by way of the one address: read-only tables, servers that take no part, queues older "
        "than a minute",
        fix="`make status` names what is not up, `make up` starts it; then wait: a server catches up by itself",
        probe=_replicas,
    ),
)

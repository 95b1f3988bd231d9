"""All rows, in the order in which parts depend on each other."""

from ops.doctor.row import Row
from ops.doctor.rows import (
    clickhouse,
    gateway,
    langfuse,
    ledger,
    logged_clickhouse,
    logged_gateway,
    logged_langfuse,
    logged_postgres,
    logged_redis,
    logged_store,
    platform,
    postgres,
    redis,
    relay,
    replication,
    settings,
    store,
)

ROWS: tuple[Row, ...] = (
    *clickhouse.ROWS,
    *ledger.ROWS,
    *replication.ROWS,
    *logged_clickhouse.ROWS,
    *postgres.ROWS,
    *logged_postgres.ROWS,
    *redis.ROWS,
    *logged_redis.ROWS,
    *store.ROWS,
    *logged_store.ROWS,
    *langfuse.ROWS,
    *logged_langfuse.ROWS,
    *relay.ROWS,
    *gateway.ROWS,
    *logged_gateway.ROWS,
    *settings.ROWS,
    *platform.ROWS,
)

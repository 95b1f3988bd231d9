"""All rows, in the order in which parts depend on each other."""

from ops.doctor.row import Row
from ops.doctor.rows import clickhouse, gateway, langfuse, ledger, postgres, redis, replication, settings, store

ROWS: tuple[Row, ...] = (
    *clickhouse.ROWS,
    *ledger.ROWS,
    *replication.ROWS,
    *postgres.ROWS,
    *redis.ROWS,
    *store.ROWS,
    *langfuse.ROWS,
    *gateway.ROWS,
    *settings.ROWS,
)

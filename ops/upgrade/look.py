"""Looks at a stack as it runs, without changing anything."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checks import redis
from checks.base import CheckFailedError
from checks.trace import SEE_WEB_LOG, answered
from ops.backup.access import Access as Stores
from ops.backup.access import access as stores_of
from ops.backup.catalog import newest
from ops.backup.errors import told
from ops.doctor import ask
from ops.runtime import runtime_of
from ops.session import RefusedError, Session
from ops.smoke import Access as Way
from ops.smoke import access as way_of
from ops.state import State, read_state
from ops.upgrade.state import (
    Background,
    BackgroundState,
    BackupSeen,
    ClickHouseLedger,
    LiveState,
    PostgresLedger,
    shape_of,
)
from policy.inventories import numbers
from settings import SettingsError, images

SQL = Path(__file__).with_name("sql")
WEB, WORKER = "langfuse-web", "langfuse-worker"
HOUR = 3600
UNKNOWN = "an image that this stack does not know"


@dataclass(frozen=True)
class Eyes:
    """A stack that can be looked at."""

    session: Session
    state: State
    stores: Stores
    way: Way
    """Where its services answer, and Langfuse's own keys."""


def require_stack(session: Session) -> None:
    """Refuse a stack that was never put up.

    Raises:
        RefusedError: it was not.
    """
    if not session.exists():
        raise RefusedError(f"there is no stack {session.stack}: `make up` makes one of the version that is set")


@contextmanager
def looking(session: Session) -> Iterator[Eyes]:
    """The stack, with the ways to its stores and services open.

    Raises:
        OpsError: it is not up, or there is no way.
    """
    require_stack(session)
    state = read_state(session, show_secrets=True)
    with stores_of(session) as stores, way_of(session, state) as way:
        yield Eyes(session, state, stores, way)


def look(eyes: Eyes) -> LiveState:
    """What runs, and what its stores hold.

    Raises:
        OpsError: a store does not answer, or its answer cannot be read.
    """
    with told("look at the stack"):
        return _look(eyes)


def _look(eyes: Eyes) -> LiveState:
    runs, half_done, environment = _services(eyes)
    database, operator = eyes.stores.database, eyes.stores.clickhouse.login
    [(rows, data, free)] = ask.clickhouse(operator, _read("sizes"), database=database)
    with redis.client(
        eyes.way.redis_address, eyes.way.redis_password, user=eyes.way.redis_user, tls=eyes.way.redis_tls
    ) as queue:
        server: Any = queue.info("server")
    [(clickhouse,)] = ask.clickhouse(operator, "SELECT version()")
    [(postgres,)] = ask.postgres(eyes.stores.postgres.url, "SHOW server_version_num")
    return LiveState(
        shape=shape_of(runs, environment, str(clickhouse)),
        clickhouse_ledger=_clickhouse_ledger(eyes),
        postgres_ledger=_postgres_ledger(eyes),
        postgres=int(postgres) // 10_000,
        redis=str(server["redis_version"]),
        background=_background(eyes),
        traces=int(rows or 0),
        data_bytes=int(data or 0),
        free_bytes=int(free or 0),
        backup=_backup(eyes),
        stand_in=bool(_described(eyes, WEB).get("stand_in")),
        half_done=half_done,
    )


def _services(eyes: Eyes) -> tuple[str, str, Mapping[str, str]]:
    """Version of web, how it and the worker do not go together, and what decides how rows are written."""
    worker, its = _worker_version(eyes), _environment(eyes, WORKER)
    try:
        web = str(answered("GET", f"{eyes.way.api.url}/api/public/health", SEE_WEB_LOG).get("version", ""))
    except CheckFailedError as failure:
        # An upgrade that was cut short may leave it so; its ledgers say the rest.
        return _newest(eyes, worker), f"web does not answer: {failure.seen}", _environment(eyes, WEB)
    runs, own = web.partition("-")[0], _environment(eyes, WEB)
    if worker != runs:
        return runs, f"web runs {runs}, the worker {worker}", own
    ours, theirs = (shape_of(runs, given, "").write_mode for given in (own, its))
    if ours != theirs:
        return runs, f"web writes {ours}, the worker {theirs}", own
    return runs, "", its


def _worker_version(eyes: Eyes) -> str:
    running = runtime_of(eyes.session).services()
    found = running[WORKER].detail.get("image") if WORKER in running else None
    declared = _described(eyes, WORKER)
    if found is None or found == declared.get("image"):
        return str(declared.get("version"))
    wanted = _resolved(eyes.session)
    return str(wanted.version) if wanted and wanted.image == found else UNKNOWN


def _newest(eyes: Eyes, worker: str) -> str:
    """Version of a web that does not answer: that of its image."""
    running = runtime_of(eyes.session).services()
    image = running[WEB].detail.get("image") if WEB in running else None
    declared, wanted = _described(eyes, WEB), _resolved(eyes.session, WEB)
    if wanted and wanted.image == image:
        return str(wanted.version)
    known = [str(declared.get("version")), worker]
    return max((version for version in known if version != UNKNOWN), key=numbers)


def _resolved(session: Session, service: str = WORKER) -> Any:
    try:
        return images(session.settings, session.environment)[service]
    except SettingsError:
        return None


def _described(eyes: Eyes, service: str) -> Mapping[str, Any]:
    """What the last run said of a service's image."""
    for entry in eyes.state.resources:
        if entry["type"] == "pulumi:pulumi:Stack":
            return dict(((entry.get("outputs") or {}).get("images") or {}).get(service) or {})
    return {}


def _environment(eyes: Eyes, service: str) -> Mapping[str, str]:
    """What a service was given."""
    return runtime_of(eyes.session, eyes.state).settings_of(service)


def _clickhouse_ledger(eyes: Eyes) -> ClickHouseLedger:
    operator, database = eyes.stores.clickhouse.login, eyes.stores.database
    [(present,)] = ask.clickhouse(operator, "EXISTS TABLE {database:Identifier}.schema_migrations", database=database)
    rows = ask.clickhouse(operator, "ledger.sql", database=database) if present else []
    return ClickHouseLedger(int(rows[0][0]), bool(rows[0][1])) if rows else ClickHouseLedger(0)


def _postgres_ledger(eyes: Eyes) -> PostgresLedger:
    if not _present(eyes, "_prisma_migrations"):
        return PostgresLedger(0, "")
    [(finished, last, unfinished)] = _schema(eyes, "postgres_ledger")
    return PostgresLedger(int(finished), str(last), tuple(unfinished))


def _background(eyes: Eyes) -> tuple[Background, ...]:
    rows = _schema(eyes, "background") if _present(eyes, "background_migrations") else []
    return tuple(
        Background(str(name), _state(finished=bool(finished), failed=bool(failed)), str(gate), str(reason))
        for name, finished, failed, gate, reason in rows
    )


def _state(*, finished: bool, failed: bool) -> BackgroundState:
    return "finished" if finished else "failed" if failed else "unfinished"


def _backup(eyes: Eyes) -> BackupSeen | None:
    found = newest(eyes.stores.store)
    if found is None:
        return None
    return BackupSeen(found.id, found.age_seconds / HOUR, found.clickhouse.ledger, found.postgres.ledger)


def _present(eyes: Eyes, table: str) -> bool:
    name = f"{eyes.stores.schema}.{table}"
    [(present,)] = ask.postgres(eyes.stores.postgres.url, _read("present"), name=name)
    return bool(present)


def _schema(eyes: Eyes, file: str) -> list[tuple[Any, ...]]:
    return ask.postgres(eyes.stores.postgres.url, _read(file), schema=eyes.stores.schema)


def _read(file: str) -> str:
    return (SQL / f"{file}.sql").read_text(encoding="utf-8").strip()

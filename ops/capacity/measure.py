"""Asks every store at the same time; what does not answer is said to be unseen."""

import importlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from checks import relay
from checks.base import CheckFailedError, first_line, without_secrets
from ops.capacity import clickhouse, forecast, past, queues, store
from ops.capacity.access import Access
from ops.capacity.measurement import Disk, Growth, Measurement, Parts, Rate, Unseen, of_one_machine, seen
from ops.doctor.examine import LIBRARIES
from ops.doctor.row import NotApplicableError
from platforms.errors import PlatformError

T = TypeVar("T")


def measure(access: Access) -> Measurement:
    """Measure a stack."""
    for name in LIBRARIES:
        importlib.import_module(name)
    login = access.operator
    with ThreadPoolExecutor(8) as pool:

        def ask(what: str, call: Callable[[], T]) -> Future[T | Unseen]:
            return pool.submit(_asked, what, call, access)

        rate = ask("events in ClickHouse", lambda: clickhouse.rate(login, access.tables))
        parts = ask("parts in ClickHouse", lambda: clickhouse.parts(login))
        disks = ask("disks of ClickHouse", lambda: clickhouse.disks(login))
        of_server = ask("memory of ClickHouse", lambda: clickhouse.memory(login))
        waiting = ask("queues in Redis", lambda: queues.queues(access.redis))
        of_redis = ask("memory of Redis", lambda: [queues.memory(access.redis)])
        root = access.store_root
        objects = ask(
            "disk of the object store", lambda: [store.disk(access.store_address, *root)] if root else list[Disk]()
        )
        held = ask("queue of the relay", lambda: relay.queue(url)) if (url := access.relay_metrics_url) else None
        containers = ask("memory of containers", access.containers)
    rooms = [*_each(disks.result()), *_each(objects.result())]
    memory = (containers.result(), of_server.result(), of_redis.result())
    found = Measurement(
        rate=rate.result(),
        queues=waiting.result(),
        disks=of_one_machine(rooms) if access.one_machine else rooms,
        parts=parts.result(),
        memory=[entry for result in memory for entry in _each(result)],
        relay=held.result() if held else None,
        notes=access.notes,
    )
    found = replace(found, notes=[*found.notes, *found.kept_back])
    return _with_growth(found, access)


def _with_growth(found: Measurement, access: Access) -> Measurement:
    of_rows = _growth_of_rows(found.rate, found.parts)
    prometheus = access.prometheus
    known = _asked("growth in Prometheus", lambda: past.growths(prometheus), access) if prometheus else past.UNKNOWN

    def of_disk(store: str) -> Growth | Unseen:
        return known if isinstance(known, Unseen) else known.get(store, Unseen(f"Prometheus knows nothing of {store}"))

    def grown(disk: Disk | Unseen) -> Disk | Unseen:
        if isinstance(disk, Unseen):
            return disk
        store = disk.store.partition(",")[0]
        return replace(
            disk, growth=forecast.faster(of_rows, of_disk(store)) if store == "clickhouse" else of_disk(store)
        )

    return replace(found, disks=[grown(disk) for disk in found.disks])


def _growth_of_rows(rate: Rate | Unseen, parts: Sequence[Parts] | Unseen) -> Growth | Unseen:
    if isinstance(rate, Unseen):
        return rate
    return forecast.growth_of_rows(rate, sum(entry.size for entry in seen(parts)))


def _each(result: Sequence[T] | Unseen) -> Sequence[T | Unseen]:
    return [result] if isinstance(result, Unseen) else result


def _asked(what: str, call: Callable[[], T], access: Access) -> T | Unseen:
    secrets = access.secrets
    try:
        return call()
    except NotApplicableError as reason:
        return Unseen(f"{what}: {reason}", foreign=True)
    except PlatformError as error:
        return Unseen(without_secrets(str(error), secrets))
    except CheckFailedError as failure:
        return Unseen(without_secrets(f"{what}: {failure.probe}: {failure.seen}", secrets))
    except Exception as error:  # noqa: BLE001 - drivers raise a different class for each layer
        return Unseen(without_secrets(f"{what}: {first_line(error)}", secrets))

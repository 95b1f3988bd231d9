"""Opens what the doctor looks at: the stack of a session, wherever it and its stores are."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from checks import tunnels
from checks.clickhouse_login import Login
from checks.s3 import S3
from components.gateway import GATEWAY_PORT
from components.langfuse import WEB, WEB_PORT, WORKER, WORKER_PORT
from components.relay import METRICS_PORT, OTLP_PORT, RELAY
from components.secrets import generation
from ops import guarded
from ops.doctor.access import Access, Limits, from_settings
from ops.doctor.row import Part
from ops.engine_locks import lock_folder
from ops.runtime import runtime_of
from ops.session import OpsError, Session
from ops.state import State, read_state
from platforms.spec import UNKNOWN, Runtime
from policy.guards import in_one_line
from settings import SettingsError, images

STORES: Mapping[str, Part] = {
    "clickhouse": Part.CLICKHOUSE,
    "minio": Part.STORE,
    "postgres": Part.POSTGRES,
    "redis": Part.REDIS,
}
GATES: Mapping[Part, Sequence[str]] = {
    Part.CLICKHOUSE: ("clickhouse-gate",),
    Part.STORE: ("minio-gate",),
    Part.POSTGRES: ("langfuse-schema", "postgres-gate"),
    Part.REDIS: ("redis-gate",),
}
"""Resources that know where a store is, and the keys to it."""
GATEWAY = "gateway"
OPEN_SECONDS = 20
ELSEWHERE_SECONDS, FLY_SECONDS = 20, 45
"""For the whole run, where there is a network in between."""
SERVICES: Mapping[str, tuple[Part, str, int]] = {
    "web_url": (Part.LANGFUSE, WEB, WEB_PORT),
    "worker_url": (Part.LANGFUSE, WORKER, WORKER_PORT),
    "relay_url": (Part.RELAY, RELAY, OTLP_PORT),
    "relay_metrics_url": (Part.RELAY, RELAY, METRICS_PORT),
    "gateway_url": (Part.GATEWAY, GATEWAY, GATEWAY_PORT),
}
"""Field of `Access` to the part, service and port that it is the address of."""
Output = Callable[[str, str | None], Any]
"""One or all outputs of a gate, with the addresses of tunnels in place of those that are not reached from here."""


@dataclass(frozen=True)
class Place:
    """What the place where a stack runs makes different."""

    runtime: Runtime
    told: Sequence[str]
    """Stores of which only the state says where they are and how to get in."""
    limits: Limits
    services: Mapping[str, tuple[Part, str, Sequence[str]]] = field(default_factory=dict)
    """Field of `Access` to the part, address and tunnel of a service that is not reached from here."""
    store_is_private: bool = False


@contextmanager
def of_session(session: Session) -> Iterator[Access]:
    """Access to the session's stack, with the ways there open; parts without one are in `Access.unreached`.

    Raises:
        OpsError: it was never put up.
    """
    state = read_state(session, show_secrets=True)
    place = _place(session, state)
    told = [STORES[store] for store in place.told]
    lacking = _lacking(state, told)
    if set(STORES.values()) == set(lacking):
        raise OpsError(lacking[Part.CLICKHOUSE])
    known = [part for part in told if part not in lacking]
    ways = {part: state.tunnels(GATES[part]) for part in known}
    for part, address, command in place.services.values():
        ways[part] = {**ways.get(part, {}), address: command}
    resting = _resting(place.runtime) if place.services else set()
    worth_while = {
        address: command
        for commands in ways.values()
        for address, command in commands.items()
        if address.rpartition(":")[0] not in resting
    }
    reasons: dict[str, str] = {}
    with tunnels.opened(worth_while, partly=True, seconds=OPEN_SECONDS, reasons=reasons) as (there, back):
        fields: dict[str, Any] = {}
        for part in known:
            fields |= READERS[part](lambda gate, name: there(state.output(gate, name) if name else state.outputs(gate)))
        for name, (_, address, _) in place.services.items():
            fields[name] = f"http://{there(address)}"
        yield replace(
            _own(session, state, place),
            **fields,
            store_is_private=place.store_is_private,
            missing_guards=in_one_line(guarded.lacking(session, state.resources)),
            engine_locks=lock_folder(session.environment),
            unreached={**lacking, **_closed(ways, there, reasons)},
            named=back,
        )


def _resting(runtime: Runtime) -> set[str]:
    """Hosts of services of which it is known that nothing runs: a tunnel there would be waited for in vain."""
    found = runtime.instances()
    resting = {
        service
        for service in (*found, WEB, WORKER, RELAY, GATEWAY)
        if all(instance.state not in {"running", UNKNOWN} for instance in found.get(service, ()))
    }
    addresses = [runtime.address(service, WEB_PORT) for service in resting]
    return {address.operator.rpartition(":")[0] for address in addresses if address}


def _place(session: Session, state: State) -> Place:
    settings, runtime = session.settings, runtime_of(session, state)
    away = not settings.platform.published
    external = [store for store in STORES if store not in settings.stores]
    in_the_vault = ["clickhouse"] if settings.stack.secrets == "vault" else []
    limits = Limits(run_seconds=FLY_SECONDS if away else ELSEWHERE_SECONDS) if away or external else Limits()
    return Place(
        runtime,
        told=list(STORES) if away else [*in_the_vault, *external],
        limits=limits,
        services={
            name: (part, address.operator, address.tunnel)
            for name, (part, service, port) in SERVICES.items()
            if (address := runtime.address(service, port))
        },
        store_is_private=away and settings.minio.public_url is None,
    )


def _own(session: Session, state: State, place: Place) -> Access:
    """Access as the settings have it; what the state says better is put in its place."""
    in_use = session.settings.stack.generation
    return from_settings(
        session.settings,
        lambda name: str(state.output(generation(name, in_use(name)), "result")),
        place.runtime,
        stack=session.stack,
        unknown=place.told,
        ledgers=_shipped(session),
        limits=place.limits,
    )


def _lacking(state: State, parts: Sequence[Part]) -> dict[Part, str]:
    """Parts that were not put up so far."""
    found = {}
    for part in parts:
        for gate in GATES[part]:
            try:
                state.resource(gate)
            except OpsError as error:
                found[part] = str(error)
    return found


def _closed(
    ways: Mapping[Part, Mapping[str, Sequence[str]]], there: tunnels.Translation, reasons: Mapping[str, str]
) -> dict[Part, str]:
    closed = {part: [address for address in found if there(address) == address] for part, found in ways.items()}
    return {
        part: "; ".join(
            reasons.get(address, f"no way to {address} opened: nothing of it runs") for address in addresses
        )
        for part, addresses in closed.items()
        if addresses
    }


def _clickhouse(output: Output) -> dict[str, Any]:
    gate = "clickhouse-gate"
    address, database = output(gate, "http_address"), output(gate, "database")
    return {
        "clickhouse": Login(address, output(gate, "user"), output(gate, "password"), database),
        "operator": Login(address, output(gate, "admin_user"), output(gate, "admin_password"), database),
        "native_address": output(gate, "native_address"),
    }


def _store(output: Output) -> dict[str, Any]:
    gate = "minio-gate"
    return {
        "store": S3.of(output(gate, None)),
        "buckets": tuple(output(gate, "buckets")),
    }


def _postgres(output: Output) -> dict[str, Any]:
    return {
        "admin_url": output("langfuse-schema", "admin_url"),
        "direct_url": output("postgres-gate", "direct_url"),
        "pooled_url": output("postgres-gate", "pooled_url"),
        "schema": output("postgres-gate", "schema"),
    }


def _redis(output: Output) -> dict[str, Any]:
    return {f"redis_{name}": output("redis-gate", name) for name in ("address", "user", "password", "tls")}


READERS: Mapping[Part, Callable[[Output], dict[str, Any]]] = {
    Part.CLICKHOUSE: _clickhouse,
    Part.STORE: _store,
    Part.POSTGRES: _postgres,
    Part.REDIS: _redis,
}


def _shipped(session: Session) -> Mapping[str, int]:
    try:
        return images(session.settings, session.environment)["langfuse-web"].ledgers or {}
    except SettingsError:
        return {}

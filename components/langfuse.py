"""Langfuse: web, which alone migrates, and the worker, which starts once web is proven."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pulumi

from checks.base import CheckResource, Inputs, now
from checks.data_keys import DataKeys
from checks.http import TraceGate, WebGate, WorkerGate
from checks.migrations import MigrationGate
from checks.supabase import ForeignUntouched
from components import langfuse_env
from components.base import Component, proven_before_start, tunnel_inputs
from components.context import Context
from components.langfuse_env import Environment, Stores
from components.outbound import through
from components.proxy import Behind, proxy
from platforms.spec import (
    Address,
    HealthSpec,
    HttpProbe,
    Port,
    Service,
    ServiceSpec,
    UnsupportedError,
    behind,
    misplaced,
)

WEB, WORKER = "langfuse-web", "langfuse-worker"
WEB_PROXY = "langfuse-web-proxy"
WEB_PORT = 3000
WORKER_PORT = 3030
NAMED_TABLES = 10
MIGRATION_SECONDS = 300
"""Grace at web's start: a first start applies hundreds of migrations, and cutting one short leaves a dirty ledger."""
WEB_STOP_GRACE = 120
"""Web serves on for 110 s after it is asked to stop."""
WORKER_STOP_GRACE = 20
"""The worker is done within seconds and then never exits by itself."""


class LangfuseWeb(Component):
    """Web: migrations, UI and public API.

    Args:
        context: the stack's.
        after: gates of the data tier.
        stores: the data tier.
    """

    address: Address
    gates: list[CheckResource]

    def __init__(self, context: Context, after: Sequence[pulumi.Resource], stores: Stores) -> None:
        super().__init__(WEB, after)
        settings, secrets = context.settings, context.secrets
        replicates, count = context.platform.replicates, settings.web.replicas
        tables = _tables(stores)
        judged = {**tables, **_shipped(context, stores), **tunnel_inputs(stores.clickhouse.http)}
        migrations = [MigrationGate("migration-gate", judged, self.child())] if after else []
        # Web migrates at every start of its own, not only when its image changes.
        self._start = proven_before_start("judge-migrations", MigrationGate, judged) if after else None
        crypto = {"salt": secrets.salt, "encryption_key": secrets.encryption_key}
        addresses = langfuse_env.addresses(stores, settings.langfuse.project.id)
        keys = DataKeys("data-keys", {**crypto, "addresses": addresses}, self.data())
        machines = count if replicates else 1
        first = self._web(1, context, stores, [keys, *migrations], machines)
        front = first if replicates else self._behind_proxy(first, context)
        self.address = front.addresses["http"]
        gate = self.gate(
            WebGate,
            "langfuse-web-gate",
            front,
            {
                "url": f"http://{self.address.operator}",
                "version": settings.langfuse_version,
                "public_key": secrets.langfuse_public_key,
                "secret_key": secrets.langfuse_secret_key,
                "ledgers": dict(context.images[WEB].ledgers or {}),
                **tables,
            },
            reach=[stores.clickhouse.http],
        )
        # Two that start at once on an empty database migrate against each other.
        for number in range(2, count // machines + 1):
            self._web(number, context, stores, gate)
        untouched = [self._untouched(context, stores, proof, gate) for proof in migrations]
        self.gates = [*migrations, *gate, *untouched]
        self.register_outputs({"url": f"http://{self.address.operator}"})

    def _web(
        self, number: int, context: Context, stores: Stores, after: Sequence[pulumi.Resource], machines: int = 1
    ) -> Service:
        published = context.settings.langfuse.web_port if context.settings.web.replicas == 1 else None
        name = _replica(WEB, number)
        spec = _spec(
            context,
            stores,
            name=name,
            image=WEB,
            port=Port("http", WEB_PORT, published, "langfuse:webPort"),
            health=HealthSpec(HttpProbe(WEB_PORT, "/api/public/health"), start_period=MIGRATION_SECONDS),
            stop_grace=WEB_STOP_GRACE,
            own=langfuse_env.web_only(context, stores),
        )
        spec = replace(spec, until_healthy=number > 1, replicas=machines)
        return context.platform.service(name, spec, pulumi.ResourceOptions.merge(self.child(after=after), self._start))

    def _behind_proxy(self, first: Service, context: Context) -> Service:
        """All webs as one service, with one address; the only one as it is."""
        count = context.settings.web.replicas
        if count == 1:
            return first
        front = context.platform.service(
            WEB_PROXY,
            proxy(
                context,
                WEB_PROXY,
                "proxy/web.cfg",
                ports=(Port("http", WEB_PORT, context.settings.langfuse.web_port, "langfuse:webPort"),),
                behind=Behind(replicas(WEB, count), check_port=WEB_PORT, standby=False),
            ),
            self.child(after=[first.resource] if first.resource else []),
        )
        return behind(front, first)

    def _untouched(
        self, context: Context, stores: Stores, migrations: MigrationGate, after: Sequence[pulumi.Resource]
    ) -> ForeignUntouched:
        """The gate that compares what is other people's in the database before and after web migrated."""
        proof = ForeignUntouched(
            "foreign-after",
            {
                "admin_url": stores.postgres.operator_admin_url,
                "schema": stores.postgres.schema,
                "before": migrations.evidence.apply(_foreign),
                "image": context.images[WEB].image,
            },
            self.child(after=after),
        )
        pulumi.Output.all(proof.checked_at, proof.evidence).apply(partial(_warn_of_emptied, now()))
        return proof


class LangfuseWorker(Component):
    """The worker: takes traces from the queue and writes them to ClickHouse.

    Args:
        context: the stack's.
        after: web's gates.
        stores: the data tier.
        web: the web that migrated.
    """

    gates: list[CheckResource]

    def __init__(self, context: Context, after: Sequence[pulumi.Resource], stores: Stores, web: LangfuseWeb) -> None:
        super().__init__(WORKER, after)
        count = context.settings.worker.replicas
        machines = count if context.platform.replicates else 1
        service = self._worker(1, context, stores, machines=machines)
        address = service.addresses["http"]
        gate = self.gate(WorkerGate, "langfuse-worker-gate", service, {"url": f"http://{address.operator}"})
        trace = self.gate(
            TraceGate, "langfuse-trace-gate", service, trace_inputs(context, web), after=gate, reach=[web.address]
        )
        for number in range(2, count // machines + 1):
            self._worker(number, context, stores, gate)
        self.gates = [*gate, *trace]
        self.register_outputs({"url": f"http://{address.operator}"})

    def _worker(
        self, number: int, context: Context, stores: Stores, after: Sequence[pulumi.Resource] = (), machines: int = 1
    ) -> Service:
        published = context.settings.langfuse.worker_port if number == 1 else None
        name = _replica(WORKER, number)
        spec = _spec(
            context,
            stores,
            name=name,
            image=WORKER,
            port=Port("http", WORKER_PORT, published, "langfuse:workerPort"),
            health=HealthSpec(HttpProbe(WORKER_PORT, "/api/health")),
            stop_grace=WORKER_STOP_GRACE,
            own=langfuse_env.worker_only(),
        )
        spec = replace(spec, until_healthy=number > 1, replicas=machines)
        return context.platform.service(name, spec, self.child(after=after))


def trace_inputs(context: Context, web: LangfuseWeb) -> Inputs:
    """What a check needs to send traces to Langfuse and find them again."""
    return {
        "url": f"http://{web.address.operator}",
        "public_key": context.secrets.langfuse_public_key,
        "secret_key": context.secrets.langfuse_secret_key,
        "find_path": context.settings.release.find_path,
    }


def _tables(stores: Stores) -> Inputs:
    """Where a check looks at what web migrates."""
    return {
        "direct_url": stores.postgres.operator_url,
        "schema": stores.postgres.schema,
        "http_address": stores.clickhouse.http.operator,
        "user": stores.clickhouse.user,
        "password": stores.clickhouse.password,
        "database": stores.clickhouse.database,
    }


def _shipped(context: Context, stores: Stores) -> Inputs:
    """What the check of pending migrations knows of those that the image ships."""
    image, retake = context.images[WEB], context.settings.recorded.stale_snapshot
    return {
        "image": image.image,
        "folder": image.migrations or "",
        "admin_url": stores.postgres.operator_admin_url,
        **({"retake": retake} if retake else {}),
        **({"clustered": True} if stores.clickhouse.clustered else {}),
    }


def _foreign(evidence: Mapping[str, Any]) -> Any:
    return evidence.get("foreign") or {}


def _warn_of_emptied(since: str, seen: Sequence[Any]) -> None:
    """Say which tables of other people lost their rows while web migrated, in the run that saw it."""
    checked_at, evidence = seen
    tables = (evidence or {}).get("emptied")
    if tables and checked_at and checked_at >= since:
        more = f" and {len(tables) - NAMED_TABLES} more" if len(tables) > NAMED_TABLES else ""
        pulumi.log.warn(
            f"while web migrated, tables of others were emptied: {', '.join(tables[:NAMED_TABLES])}{more}. Langfuse's "
            "role may not, as postgres-gate saw: ask their owner"
        )


def _replica(service: str, number: int) -> str:
    return service if number == 1 else f"{service}-{number}"


def replicas(service: str, count: int) -> list[str]:
    """Services of all replicas; the first one is called as a single one is."""
    return [_replica(service, number) for number in range(1, count + 1)]


def _spec(
    context: Context,
    stores: Stores,
    *,
    name: str,
    image: str,
    port: Port,
    health: HealthSpec,
    stop_grace: int,
    own: Environment,
) -> ServiceSpec:
    group = context.settings.langfuse
    secret_env = {**group.secret_env, **context.vault.langfuse_env}
    if wrong := misplaced([*group.extra_env.items(), *secret_env.items()], context.platform):
        raise UnsupportedError("langfuse:\n" + "\n".join(f"  - {each}" for each in wrong))
    environment = langfuse_env.combined(langfuse_env.shared(context, stores), own)
    spec = ServiceSpec(
        name=name,
        image=context.images[image].image,
        ports=(port,),
        health=health,
        stop_grace=stop_grace,
        env={**environment.plain, "PORT": str(port.number), **group.extra_env},
        secret_env={
            **{name: pulumi.Output.secret(value) for name, value in secret_env.items()},
            **environment.secret,
        },
    )
    return through(spec, context)

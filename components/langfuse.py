"""Langfuse: web, which alone migrates, and the worker, which starts once web is proven."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pulumi

from checks.base import CheckResource, now
from checks.data_keys import DataKeys
from checks.http import TraceGate, WebGate, WorkerGate
from checks.migrations import MigrationGate
from checks.supabase import ForeignUntouched
from components import langfuse_env
from components.base import Component, proven_before_start, ways
from components.langfuse_env import Bootstrap, Crypto, Environment, Stores
from components.outbound import Outbound
from components.proxy import Behind, proxy
from components.releases import Image, Release
from platforms.spec import (
    Address,
    HealthSpec,
    HttpProbe,
    Platform,
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


@dataclass(frozen=True)
class LangfuseArgs:
    """What makes one stack's Langfuse differ from another's."""

    release: Release
    version: str
    web_image: Image
    worker_image: Image
    proxy_image: Image
    """What stands before several webs."""
    web_replicas: int
    worker_replicas: int
    web_port: int
    worker_port: int
    public_url: str
    media_url: str
    """Where browsers and SDKs reach media and exports."""
    sign_up: bool
    telemetry: bool
    log_level: str
    extra_env: Mapping[str, str]
    """Further variables for both services, as the operator set them."""
    secret_env: Mapping[str, str]
    """As `extra_env`, for values that may never be shown."""
    bootstrap: Bootstrap
    crypto: Crypto
    stores: Stores
    outbound: Outbound
    stale_snapshot: str | None
    """See `settings.recorded.Recorded`."""


class LangfuseWeb(Component):
    """Web: migrations, UI and public API.

    Args:
        args: see `LangfuseArgs`.
        platform: where it runs.
        after: gates of the data tier.
    """

    address: Address
    gates: list[CheckResource]

    def __init__(self, args: LangfuseArgs, platform: Platform, after: Sequence[pulumi.Resource]) -> None:
        super().__init__("langfuse-web", after)
        postgres, clickhouse = args.stores.postgres, args.stores.clickhouse
        catalog = {"admin_url": postgres.operator_admin_url, "schema": postgres.schema}
        stores = {
            "direct_url": postgres.operator_url,
            "schema": postgres.schema,
            "http_address": clickhouse.http.operator,
            "user": clickhouse.user,
            "password": clickhouse.password,
            "database": clickhouse.database,
        }
        image = {
            "image": args.web_image.image,
            "folder": args.web_image.migrations or "",
            "admin_url": postgres.operator_admin_url,
            **({"retake": args.stale_snapshot} if args.stale_snapshot else {}),
            **({"clustered": True} if clickhouse.clustered else {}),
        }
        judged = {**stores, **image, **ways(clickhouse.http)}
        migrations = [MigrationGate("migration-gate", judged, self.child())] if after else []
        # Web migrates at every start of its own, not only when its image changes.
        self._start = proven_before_start("judge-migrations", MigrationGate, judged) if after else None
        crypto = {"salt": args.crypto.salt, "encryption_key": args.crypto.encryption_key}
        addresses = langfuse_env.addresses(args.stores, args.bootstrap)
        keys = DataKeys("data-keys", {**crypto, "addresses": addresses}, self.data())
        machines = args.web_replicas if platform.replicates else 1
        first = self._web(1, args, platform, [keys, *migrations], machines)
        front = first if platform.replicates else self._behind_proxy(first, args, platform)
        self.address = front.addresses["http"]
        gate = self.prove(
            WebGate,
            "langfuse-web-gate",
            front,
            {
                "url": f"http://{self.address.operator}",
                "version": args.version,
                "public_key": args.bootstrap.public_key,
                "secret_key": args.bootstrap.secret_key,
                "ledgers": dict(args.web_image.ledgers or {}),
                **stores,
            },
            reach=[clickhouse.http],
        )
        # Two that start at once on an empty database migrate against each other.
        for number in range(2, args.web_replicas // machines + 1):
            self._web(number, args, platform, gate)
        untouched = [
            ForeignUntouched(
                "foreign-after",
                {**catalog, "before": proof.evidence.apply(_foreign), "image": args.web_image.image},
                self.child(after=gate),
            )
            for proof in migrations
        ]
        for proof in untouched:
            pulumi.Output.all(proof.checked_at, proof.evidence).apply(partial(_warn_of_emptied, now()))
        self.gates = [*migrations, *gate, *untouched]
        self.register_outputs({"url": f"http://{self.address.operator}"})

    def _web(
        self, number: int, args: LangfuseArgs, platform: Platform, after: Sequence[pulumi.Resource], machines: int = 1
    ) -> Service:
        published = args.web_port if args.web_replicas == 1 else None
        name = _replica(WEB, number)
        spec = _spec(
            args,
            platform,
            name=name,
            image=args.web_image,
            port=Port("http", WEB_PORT, published, "langfuse:webPort"),
            health=HealthSpec(HttpProbe(WEB_PORT, "/api/public/health"), start_period=MIGRATION_SECONDS),
            stop_grace=WEB_STOP_GRACE,
            own=langfuse_env.web_only(
                args.stores, args.crypto, args.bootstrap, media_url=args.media_url, sign_up=args.sign_up
            ),
        )
        spec = replace(spec, until_healthy=number > 1, replicas=machines)
        return platform.service(name, spec, pulumi.ResourceOptions.merge(self.child(after=after), self._start))

    def _behind_proxy(self, first: Service, args: LangfuseArgs, platform: Platform) -> Service:
        """All webs as one service, with one address; the only one as it is."""
        if args.web_replicas == 1:
            return first
        front = platform.service(
            WEB_PROXY,
            proxy(
                WEB_PROXY,
                "proxy/web.cfg",
                args.proxy_image,
                ports=(Port("http", WEB_PORT, args.web_port, "langfuse:webPort"),),
                behind=Behind(replicas(WEB, args.web_replicas), check_port=WEB_PORT, standby=False),
                platform=platform,
            ),
            self.child(after=[first.resource] if first.resource else []),
        )
        return behind(front, first)


class LangfuseWorker(Component):
    """The worker: takes traces from the queue and writes them to ClickHouse.

    Args:
        args: see `LangfuseArgs`.
        web: the web that migrated.
        platform: where it runs.
        after: web's gates.
    """

    gates: list[CheckResource]

    def __init__(
        self, args: LangfuseArgs, web: LangfuseWeb, platform: Platform, after: Sequence[pulumi.Resource]
    ) -> None:
        super().__init__("langfuse-worker", after)
        machines = args.worker_replicas if platform.replicates else 1
        service = self._worker(1, args, platform, machines=machines)
        address = service.addresses["http"]
        gate = self.prove(WorkerGate, "langfuse-worker-gate", service, {"url": f"http://{address.operator}"})
        trace = self.prove(
            TraceGate, "langfuse-trace-gate", service, trace_inputs(args, web), after=gate, reach=[web.address]
        )
        for number in range(2, args.worker_replicas // machines + 1):
            self._worker(number, args, platform, gate)
        self.gates = [*gate, *trace]
        self.register_outputs({"url": f"http://{address.operator}"})

    def _worker(
        self,
        number: int,
        args: LangfuseArgs,
        platform: Platform,
        after: Sequence[pulumi.Resource] = (),
        machines: int = 1,
    ) -> Service:
        name = _replica(WORKER, number)
        spec = _spec(
            args,
            platform,
            name=name,
            image=args.worker_image,
            port=Port("http", WORKER_PORT, args.worker_port if number == 1 else None, "langfuse:workerPort"),
            health=HealthSpec(HttpProbe(WORKER_PORT, "/api/health")),
            stop_grace=WORKER_STOP_GRACE,
            own=langfuse_env.worker_only(),
        )
        spec = replace(spec, until_healthy=number > 1, replicas=machines)
        return platform.service(name, spec, self.child(after=after))


def trace_inputs(args: LangfuseArgs, web: LangfuseWeb) -> dict[str, pulumi.Input[str]]:
    """What a check needs to send traces to Langfuse and find them again."""
    return {
        "url": f"http://{web.address.operator}",
        "public_key": args.bootstrap.public_key,
        "secret_key": args.bootstrap.secret_key,
        "find_path": args.release.find_path,
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
    args: LangfuseArgs,
    platform: Platform,
    *,
    name: str,
    image: Image,
    port: Port,
    health: HealthSpec,
    stop_grace: int,
    own: Environment,
) -> ServiceSpec:
    if wrong := misplaced([*args.extra_env.items(), *args.secret_env.items()], platform):
        raise UnsupportedError("langfuse:\n" + "\n".join(f"  - {each}" for each in wrong))
    both = langfuse_env.shared(
        args.release,
        args.stores,
        args.crypto,
        public_url=args.public_url,
        media_url=args.media_url,
        bind_address=platform.bind_address,
        telemetry=args.telemetry,
        log_level=args.log_level,
    )
    environment = langfuse_env.combined(both, own)
    plain = {**environment.plain, "PORT": str(port.number), **args.extra_env}
    spec = ServiceSpec(
        name=name,
        image=image.image,
        ports=(port,),
        health=health,
        stop_grace=stop_grace,
        env=plain,
        secret_env={
            **{name: pulumi.Output.secret(value) for name, value in args.secret_env.items()},
            **environment.secret,
        },
    )
    return args.outbound.through(spec, platform)

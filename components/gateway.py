"""The LiteLLM gateway: serves models, sends every call to Langfuse, and keeps serving when Langfuse is down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import yaml

from checks.base import CheckResource
from checks.http import EndToEndProof, GatewayGate
from components.base import Component
from components.gateway_config import FROM_ENVIRONMENT, GatewayModel, merged, served
from components.gateway_database import VARIABLE, ManagedDatabase, declare
from components.langfuse import LangfuseArgs, LangfuseWeb, trace_inputs
from components.langfuse_env import Environment, Queue, is_external
from components.releases import Image
from components.templates import read
from platforms.spec import Address, ExecProbe, File, HealthSpec, Metrics, Platform, Port, Service, ServiceSpec
from urls import PostgresUrl, http_url

GATEWAY_PORT = 4000
METRICS = Metrics(GATEWAY_PORT, "/metrics/")
CONFIG_FILE = "/etc/litellm/litellm.config.yaml"
LISTEN = "--host="
"""Every address of both families: a private network may have only one of them, and the health check uses the other."""
EXPORT_SECONDS = 60
"""How long finished calls are tried again while nobody takes them: long enough for the relay to be replaced."""
SPANS_IN_MEMORY = 16384
"""What may wait meanwhile; LiteLLM drops what comes on top."""
HEALTHCHECK_FILE = "/etc/litellm/healthcheck.py"


@dataclass(frozen=True)
class GatewayArgs:
    """What makes one stack's gateway differ from another's."""

    image: Image
    port: int
    public_url: str | None
    """Where applications outside of the private network reach it; None where they cannot."""
    master_key: pulumi.Output[str]
    tracing: bool
    """False: calls are served and not sent to Langfuse, whose keys the gateway then does not get."""
    callback: str
    """LiteLLM's callback for Langfuse: `langfuse_otel` or `langfuse`."""
    relay: Address | None
    """Where traces go, to be kept until Langfuse has taken them; None: to web, which takes them or does not."""
    export_delay_ms: int
    """How long finished calls wait to be exported together, in milliseconds."""
    config: Mapping[str, Any]
    """The operator's own `litellm.config.yaml`, parsed; empty for none."""
    models: tuple[GatewayModel, ...]
    config_is_secret: bool
    """Whether something in either was set as a secret: then all of it is kept as one."""
    env: Mapping[str, str]
    """Further variables, which may be seen."""
    provider_keys: Mapping[str, str]
    """Environment variables with the providers' keys."""
    cache_ttl_seconds: int
    replicas: int
    metrics: bool
    """Whether it gives metrics to Prometheus."""
    langfuse: LangfuseArgs
    database: ManagedDatabase | PostgresUrl | None
    """Where virtual keys are kept; `None` where the master key is the only one."""
    running: bool


class Gateway(Component):
    """The gateway that applications call.

    Args:
        args: see `GatewayArgs`.
        web: the Langfuse it sends to.
        redis: has its cache of answers.
        platform: where it runs.
        after: gates that must be proven first.
    """

    address: Address
    service: Service
    gates: list[CheckResource]

    def __init__(
        self,
        args: GatewayArgs,
        web: LangfuseWeb,
        redis: Queue,
        platform: Platform,
        after: Sequence[pulumi.Resource],
    ) -> None:
        super().__init__("gateway", after)
        stores, cache = args.langfuse.stores, _cache(redis)
        config = _config(args, cache, platform)
        text = yaml.safe_dump(config, sort_keys=False)
        database = declare(args.database, self, platform, running=args.running) if args.database else None
        self.service = args.langfuse.outbound.service(
            platform,
            "gateway",
            ServiceSpec(
                name="gateway",
                image=args.image.image,
                command=(
                    "--config",
                    CONFIG_FILE,
                    LISTEN,
                    "--port",
                    str(GATEWAY_PORT),
                ),
                ports=(Port("http", GATEWAY_PORT, args.port, "gateway:port"),),
                health=HealthSpec(ExecProbe(("python3", HEALTHCHECK_FILE))),
                stop_grace=30,
                replicas=args.replicas,
                balanced=True,
                env={
                    **args.env,
                    **(_langfuse_env(args, web) if args.tracing else {}),
                    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                    # Where the stores are, without a key to them: for people and scripts that look into this service.
                    "CLICKHOUSE_URL": http_url(stores.clickhouse.http.internal),
                    "MINIO_ENDPOINT": http_url(stores.minio.api.internal),
                    **cache.plain,
                },
                secret_env={
                    "LITELLM_MASTER_KEY": args.master_key,
                    **(_langfuse_keys(args) if args.tracing else {}),
                    **cache.secret,
                    **({VARIABLE: database.url} if database else {}),
                    **{name: pulumi.Output.secret(key) for name, key in args.provider_keys.items()},
                },
                files=(
                    File(CONFIG_FILE, pulumi.Output.secret(text) if args.config_is_secret else text),
                    File(HEALTHCHECK_FILE, read("gateway/healthcheck.py")),
                ),
                metrics=METRICS if args.metrics else None,
            ),
            self.child(after=database.gates if database else ()),
        )
        self.address = self.service.addresses["http"]
        proof = self.prove(
            GatewayGate,
            "gateway-gate",
            self.service,
            {
                "url": f"http://{self.address.operator}",
                "master_key": args.master_key,
                "models": served(config),
                **({"database": True} if database else {}),
            },
        )
        self.gates = [*(database.gates if database else ()), *proof]
        self.register_outputs({"url": f"http://{self.address.operator}"})


class Proof(Component):
    """The last phase: a call to the gateway becomes a trace in Langfuse; without tracing, it is answered.

    Args:
        args: the gateway's.
        gateway: the gateway to call.
        web: the Langfuse to ask.
        after: all other gates.
    """

    gates: list[CheckResource]

    def __init__(self, args: GatewayArgs, gateway: Gateway, web: LangfuseWeb, after: Sequence[pulumi.Resource]) -> None:
        super().__init__("proof", after)
        stores = args.langfuse.stores
        self.gates = self.prove(
            EndToEndProof,
            "end-to-end-proof",
            gateway.service,
            {
                "gateway_url": f"http://{gateway.address.operator}",
                "master_key": args.master_key,
                **trace_inputs(args.langfuse, web),
                "ui_url": args.langfuse.public_url,
                # Somebody else's store answers signed requests only, and its own gate makes those.
                **({} if is_external(stores.minio.api) else {"store_url": f"http://{stores.minio.api.operator}"}),
                "http_address": stores.clickhouse.http.operator,
                "user": stores.clickhouse.user,
                "password": stores.clickhouse.password,
                "database": stores.clickhouse.database,
                "tracing": args.tracing,
                **({"public_gateway_url": args.public_url} if args.public_url else {}),
            },
            # Without tracing the rest may be down, and what is down has no way to it.
            reach=[web.address, stores.clickhouse.http, stores.minio.api] if args.tracing else [],
        )
        self.register_outputs({})


def _cache(redis: Queue) -> Environment:
    """How LiteLLM finds its response cache. It takes REDIS_URL before anything else, so that is there only if meant."""
    if redis.cache_url is not None:
        return Environment({}, {"REDIS_URL": redis.cache_url})
    host, _, port = redis.cache.rpartition(":")
    return Environment({"REDIS_HOST": host, "REDIS_PORT": port}, {"REDIS_PASSWORD": redis.password})


def _langfuse_env(args: GatewayArgs, web: LangfuseWeb) -> dict[str, str]:
    traces = args.relay or web.address
    return {
        # Both, always: with one missing a callback may send prompts to the vendor's cloud.
        "LANGFUSE_HOST": f"http://{web.address.internal}",
        "LANGFUSE_OTEL_HOST": f"http://{traces.internal}",
        "OTEL_BSP_MAX_QUEUE_SIZE": str(SPANS_IN_MEMORY),
        "OTEL_BSP_SCHEDULE_DELAY": str(args.export_delay_ms),
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": str(EXPORT_SECONDS),
    }


def _langfuse_keys(args: GatewayArgs) -> dict[str, pulumi.Output[str]]:
    keys = args.langfuse.bootstrap
    return {"LANGFUSE_PUBLIC_KEY": keys.public_key, "LANGFUSE_SECRET_KEY": keys.secret_key}


def _config(args: GatewayArgs, cache: Environment, platform: Platform) -> dict[str, Any]:
    address = {
        name.removeprefix("REDIS_").lower(): f"{FROM_ENVIRONMENT}{name}" for name in (*cache.plain, *cache.secret)
    }
    return merged(
        args.config,
        models=args.models,
        callback=args.callback if args.tracing else None,
        cache={**address, "ttl": args.cache_ttl_seconds},
        variables={**args.env, **args.provider_keys},
        platform=platform,
        database=VARIABLE if args.database else None,
        metrics=args.metrics,
    )

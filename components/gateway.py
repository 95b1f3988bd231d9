"""The LiteLLM gateway: serves models, sends every call to Langfuse, and keeps serving when Langfuse is down."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import yaml
from pulumi.runtime import config as runtime_config

from checks.base import CheckResource
from checks.http import EndToEndProof, GatewayGate
from components import langfuse_env
from components.base import Component
from components.context import Context
from components.gateway_config import FROM_ENVIRONMENT, merged, served
from components.gateway_database import VARIABLE, DeclaredDatabase, declare
from components.langfuse import LangfuseWeb, trace_inputs
from components.langfuse_env import Environment, Queue, Stores, is_external
from components.outbound import through
from components.relay import Relay
from components.templates import read
from platforms.spec import Address, ExecProbe, File, HealthSpec, Metrics, Port, Service, ServiceSpec
from urls import http_url

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


class Gateway(Component):
    """The gateway that applications call.

    Args:
        context: the stack's.
        after: gates that must be proven first.
        stores: the data tier; its Redis has the cache of answers.
        web: the Langfuse it sends to.
        relay: keeps traces until Langfuse has taken them.
    """

    address: Address
    url: str
    """Where applications reach it."""
    service: Service
    gates: list[CheckResource]

    def __init__(
        self, context: Context, after: Sequence[pulumi.Resource], stores: Stores, web: LangfuseWeb, relay: Relay
    ) -> None:
        super().__init__("gateway", after)
        cache = _cache(stores.redis)
        database = declare(context, stores.postgres, self)
        gates = database.gates if database else []
        config = _config(context, cache, database)
        traces = relay.address if context.settings.gateway.relayed else web.address
        environment = langfuse_env.combined(
            _environment(context, stores, cache),
            _tracing(context, web, traces),
            Environment({}, {VARIABLE: database.url} if database else {}),
            Environment({}, {name: pulumi.Output.secret(key) for name, key in _provider_keys(context).items()}),
        )
        spec = through(_spec(context, config, environment), context)
        self.service = context.platform.service("gateway", spec, self.child(after=gates))
        self.address = self.service.addresses["http"]
        self.url = context.settings.gateway_url or f"http://{self.address.operator}"
        proof = self.gate(
            GatewayGate,
            "gateway-gate",
            self.service,
            {
                "url": f"http://{self.address.operator}",
                "master_key": context.secrets.gateway_master_key,
                "models": served(config),
                **({"database": True} if database else {}),
            },
        )
        self.gates = [*gates, *proof]
        self.register_outputs({"url": f"http://{self.address.operator}"})


class Proof(Component):
    """The last phase: a call to the gateway becomes a trace in Langfuse; without tracing, it is answered.

    Args:
        context: the stack's.
        after: all other gates.
        stores: the data tier.
        web: the Langfuse to ask.
        gateway: the gateway to call.
    """

    gates: list[CheckResource]

    def __init__(
        self, context: Context, after: Sequence[pulumi.Resource], stores: Stores, web: LangfuseWeb, gateway: Gateway
    ) -> None:
        super().__init__("proof", after)
        clickhouse, store, tracing = stores.clickhouse, stores.minio.api, context.settings.gateway.tracing
        public_url = context.settings.gateway_url
        self.gates = self.gate(
            EndToEndProof,
            "end-to-end-proof",
            gateway.service,
            {
                "gateway_url": f"http://{gateway.address.operator}",
                "master_key": context.secrets.gateway_master_key,
                **trace_inputs(context, web),
                "ui_url": context.langfuse_url,
                # Somebody else's store answers signed requests only, and its own gate makes those.
                **({} if is_external(store) else {"store_url": f"http://{store.operator}"}),
                "http_address": clickhouse.http.operator,
                "user": clickhouse.user,
                "password": clickhouse.password,
                "database": clickhouse.database,
                "tracing": tracing,
                **({"public_gateway_url": public_url} if public_url else {}),
            },
            # Without tracing the rest may be down, and what is down has no way to it.
            reach=[web.address, clickhouse.http, store] if tracing else [],
        )
        self.register_outputs({})


def _spec(context: Context, config: Mapping[str, Any], environment: Environment) -> ServiceSpec:
    group = context.settings.gateway
    text = yaml.safe_dump(config, sort_keys=False)
    # What was set as a secret makes the whole file one.
    is_secret = any(map(runtime_config.is_config_secret, ("gateway:config", "gateway:models")))
    return ServiceSpec(
        name="gateway",
        image=context.images["litellm"].image,
        command=("--config", CONFIG_FILE, LISTEN, "--port", str(GATEWAY_PORT)),
        ports=(Port("http", GATEWAY_PORT, group.port, "gateway:port"),),
        health=HealthSpec(ExecProbe(("python3", HEALTHCHECK_FILE))),
        stop_grace=30,
        replicas=group.replicas,
        balanced=True,
        env=environment.plain,
        secret_env=environment.secret,
        files=(
            File(CONFIG_FILE, pulumi.Output.secret(text) if is_secret else text),
            File(HEALTHCHECK_FILE, read("gateway/healthcheck.py")),
        ),
        metrics=METRICS if context.metrics else None,
    )


def _cache(redis: Queue) -> Environment:
    """How LiteLLM finds its response cache. It takes REDIS_URL before anything else, so that is there only if meant."""
    if redis.cache_url is not None:
        return Environment({}, {"REDIS_URL": redis.cache_url})
    host, _, port = redis.cache.rpartition(":")
    return Environment({"REDIS_HOST": host, "REDIS_PORT": port}, {"REDIS_PASSWORD": redis.password})


def _environment(context: Context, stores: Stores, cache: Environment) -> Environment:
    return Environment(
        {
            **context.settings.gateway.env,
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            # Where the stores are, without a key to them: for people and scripts that look into this service.
            "CLICKHOUSE_URL": http_url(stores.clickhouse.http.internal),
            "MINIO_ENDPOINT": http_url(stores.minio.api.internal),
            **cache.plain,
        },
        {"LITELLM_MASTER_KEY": context.secrets.gateway_master_key, **cache.secret},
    )


def _tracing(context: Context, web: LangfuseWeb, traces: Address) -> Environment:
    """What sends calls to Langfuse; without tracing, the gateway does not even have its keys."""
    group, secrets = context.settings.gateway, context.secrets
    if not group.tracing:
        return Environment({}, {})
    return Environment(
        {
            # Both, always: with one missing a callback may send prompts to the vendor's cloud.
            "LANGFUSE_HOST": f"http://{web.address.internal}",
            "LANGFUSE_OTEL_HOST": f"http://{traces.internal}",
            "OTEL_BSP_MAX_QUEUE_SIZE": str(SPANS_IN_MEMORY),
            "OTEL_BSP_SCHEDULE_DELAY": str(group.export_delay_ms),
            "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": str(EXPORT_SECONDS),
        },
        {"LANGFUSE_PUBLIC_KEY": secrets.langfuse_public_key, "LANGFUSE_SECRET_KEY": secrets.langfuse_secret_key},
    )


def _provider_keys(context: Context) -> dict[str, str]:
    return {**context.settings.gateway.provider_keys, **context.vault.provider_keys}


def _config(context: Context, cache: Environment, database: DeclaredDatabase | None) -> dict[str, Any]:
    group = context.settings.gateway
    address = {
        name.removeprefix("REDIS_").lower(): f"{FROM_ENVIRONMENT}{name}" for name in (*cache.plain, *cache.secret)
    }
    return merged(
        context.files.gateway_config,
        models=group.models,
        callback=group.callback if group.tracing else None,
        cache={**address, "ttl": group.cache_ttl_seconds},
        variables={**group.env, **_provider_keys(context)},
        platform=context.platform,
        database=VARIABLE if database else None,
        metrics=context.metrics,
    )

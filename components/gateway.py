"""The LiteLLM gateway: serves models, sends every call to Langfuse, and keeps serving when Langfuse is down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import yaml

from checks.base import CheckResource
from checks.http import EndToEndProof, GatewayGate
from checks.trace import SMOKE_MODEL
from components.base import Component
from components.langfuse import LangfuseArgs, LangfuseWeb, trace_inputs
from components.redis import Redis
from components.releases import Image
from components.templates import read
from platforms.spec import Address, ExecProbe, File, HealthSpec, Platform, Port, Service, ServiceSpec

GATEWAY_PORT = 4000
CONFIG_FILE = "/etc/litellm/litellm.config.yaml"
HEALTHCHECK_FILE = "/etc/litellm/healthcheck.py"


@dataclass(frozen=True)
class GatewayModel:
    """One model the gateway serves."""

    name: str
    model: str
    api_base: str | None
    api_key_env: str | None


@dataclass(frozen=True)
class GatewayArgs:
    """What makes one stack's gateway differ from another's."""

    image: Image
    port: int
    master_key: pulumi.Output[str]
    tracing: bool
    """False: calls are served and not sent to Langfuse, whose keys the gateway then does not get."""
    callback: str
    """LiteLLM's callback for Langfuse: `langfuse_otel` or `langfuse`."""
    export_delay_ms: int
    """How long finished calls wait to be exported together, in milliseconds."""
    models: tuple[GatewayModel, ...]
    provider_keys: Mapping[str, str]
    """Environment variables with the providers' keys."""
    cache_ttl_seconds: int
    langfuse: LangfuseArgs


class Gateway(Component):
    """The gateway that applications call.

    Args:
        args: see `GatewayArgs`.
        web: the Langfuse it sends to.
        redis: its response cache.
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
        redis: Redis,
        platform: Platform,
        after: Sequence[pulumi.Resource],
    ) -> None:
        super().__init__("gateway", after)
        redis_host, _, redis_port = redis.address.internal.rpartition(":")
        self.service = platform.service(
            "gateway",
            ServiceSpec(
                name="gateway",
                image=args.image.image,
                command=(
                    "--config",
                    CONFIG_FILE,
                    "--host",
                    platform.bind_address,
                    "--port",
                    str(GATEWAY_PORT),
                ),
                ports=(Port("http", GATEWAY_PORT, args.port, "gateway:port"),),
                health=HealthSpec(ExecProbe(("python3", HEALTHCHECK_FILE))),
                stop_grace=30,
                env={
                    **(_langfuse_env(args, web) if args.tracing else {}),
                    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                    "REDIS_HOST": redis_host,
                    "REDIS_PORT": redis_port,
                },
                secret_env={
                    "LITELLM_MASTER_KEY": args.master_key,
                    **(_langfuse_keys(args) if args.tracing else {}),
                    "REDIS_PASSWORD": redis.password,
                    **{name: pulumi.Output.secret(key) for name, key in args.provider_keys.items()},
                },
                files=(
                    File(
                        CONFIG_FILE,
                        _config(args),
                    ),
                    File(HEALTHCHECK_FILE, read("gateway/healthcheck.py")),
                ),
            ),
            self.child(),
        )
        self.address = self.service.addresses["http"]
        self.gates = self.prove(
            GatewayGate,
            "gateway-gate",
            self.service,
            {
                "url": f"http://{self.address.operator}",
                "master_key": args.master_key,
                "models": [SMOKE_MODEL, *(model.name for model in args.models)],
            },
        )
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
        self.gates = self.prove(
            EndToEndProof,
            "end-to-end-proof",
            gateway.service,
            {
                "gateway_url": f"http://{gateway.address.operator}",
                "master_key": args.master_key,
                **trace_inputs(args.langfuse, web),
                "tracing": args.tracing,
            },
        )
        self.register_outputs({})


def _langfuse_env(args: GatewayArgs, web: LangfuseWeb) -> dict[str, str]:
    host = f"http://{web.address.internal}"
    return {
        # Both, always: with one missing a callback may send prompts to the vendor's cloud.
        "LANGFUSE_HOST": host,
        "LANGFUSE_OTEL_HOST": host,
        "OTEL_BSP_SCHEDULE_DELAY": str(args.export_delay_ms),
    }


def _langfuse_keys(args: GatewayArgs) -> dict[str, pulumi.Output[str]]:
    keys = args.langfuse.bootstrap
    return {"LANGFUSE_PUBLIC_KEY": keys.public_key, "LANGFUSE_SECRET_KEY": keys.secret_key}


def _config(args: GatewayArgs) -> str:
    """LiteLLM's configuration: what every gateway gets, with the models and the callback of the settings."""
    config = yaml.safe_load(read("gateway/litellm.config.yaml"))
    config["model_list"] += [_model_entry(model) for model in args.models]
    config["litellm_settings"]["callbacks"] = [args.callback] if args.tracing else []
    config["litellm_settings"]["cache_params"]["ttl"] = args.cache_ttl_seconds
    return yaml.safe_dump(config, sort_keys=False)


def _model_entry(model: GatewayModel) -> dict[str, object]:
    parameters = {"model": model.model}
    if model.api_base:
        parameters["api_base"] = model.api_base
    if model.api_key_env:
        parameters["api_key"] = f"os.environ/{model.api_key_env}"
    return {"model_name": model.name, "litellm_params": parameters}

"""The stack's outputs: a contract with the application behind the gateway. Names are added, never changed."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pulumi

from components.gateway import Gateway, GatewayArgs
from components.langfuse import LangfuseArgs
from components.langfuse_env import Analytics, Objects, is_external
from components.phases import Phases
from components.relay import Relay, otlp_headers
from components.releases import Image
from urls import http_url


def export(
    *,
    langfuse: LangfuseArgs,
    litellm: GatewayArgs,
    clickhouse: Analytics,
    minio: Objects,
    relay: Relay,
    gateway: Gateway,
    images: dict[str, Image],
    phases: Phases,
) -> None:
    """Export everything that `pulumi stack output` shows."""
    keys = langfuse.bootstrap
    gateway_url = litellm.public_url or f"http://{gateway.address.operator}"
    pulumi.export("langfuse_url", langfuse.public_url)
    pulumi.export("gateway_url", gateway_url)
    pulumi.export("gateway_master_key", litellm.master_key)
    pulumi.export("langfuse_public_key", keys.public_key)
    pulumi.export("langfuse_secret_key", keys.secret_key)
    pulumi.export("organization_id", keys.organization_id)
    pulumi.export("organization_name", keys.organization_name)
    pulumi.export("owner_email", keys.owner_email)
    pulumi.export("owner_password", pulumi.Output.secret(keys.owner_password))
    pulumi.export("clickhouse_url", http_url(clickhouse.http.operator))
    pulumi.export("minio_endpoint", http_url(minio.api.operator))
    pulumi.export("release", langfuse.version)
    pulumi.export("images", {service: _described(image) for service, image in images.items()})
    pulumi.export("checks", phases.results)
    foreign = [part for part, address in ((clickhouse, clickhouse.http), (minio, minio.api)) if is_external(address)]
    if external := [gate for part in foreign for gate in part.gates]:
        pulumi.export("not_proven", {gate.gate_name: gate.evidence.apply(_not_proven) for gate in external})
    pulumi.export(
        "gateway_env",
        pulumi.Output.secret(
            {
                "OPENAI_BASE_URL": f"{gateway_url}/v1",
                "OPENAI_API_KEY": litellm.master_key,
                "LANGFUSE_HOST": langfuse.public_url,
                "LANGFUSE_BASE_URL": langfuse.public_url,
                "LANGFUSE_PUBLIC_KEY": keys.public_key,
                "LANGFUSE_SECRET_KEY": keys.secret_key,
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": relay.url,
                "OTEL_EXPORTER_OTLP_TRACES_HEADERS": otlp_headers(keys.public_key, keys.secret_key),
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
            }
        ),
    )


def _not_proven(evidence: Mapping[str, Any]) -> list[str]:
    return list(evidence.get("not_proven") or ())


def _described(image: Image) -> dict[str, object]:
    inner = {"ledgers", "migrations", "clickhouse_floor"}
    return {name: value for name, value in asdict(image).items() if value is not None and name not in inner}

"""The stack's outputs: a contract with the application behind the gateway. Names are added, never changed."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pulumi

from components.context import Context
from components.gateway import Gateway
from components.langfuse_env import Stores, is_external
from components.phases import Phases
from components.relay import Relay, otlp_headers
from components.releases import Image
from urls import http_url


def export(context: Context, phases: Phases, stores: Stores, relay: Relay, gateway: Gateway) -> None:
    """Export everything that `pulumi stack output` shows."""
    settings, secrets = context.settings, context.secrets
    clickhouse, minio = stores.clickhouse, stores.minio
    langfuse_url, master_key = context.langfuse_url, secrets.gateway_master_key
    public_key, secret_key = secrets.langfuse_public_key, secrets.langfuse_secret_key
    pulumi.export("langfuse_url", langfuse_url)
    pulumi.export("gateway_url", gateway.url)
    pulumi.export("gateway_master_key", master_key)
    pulumi.export("langfuse_public_key", public_key)
    pulumi.export("langfuse_secret_key", secret_key)
    pulumi.export("organization_id", settings.langfuse.organization.id)
    pulumi.export("organization_name", settings.langfuse.organization.name)
    pulumi.export("owner_email", settings.owner_email)
    pulumi.export("owner_password", pulumi.Output.secret(secrets.owner_password))
    pulumi.export("clickhouse_url", http_url(clickhouse.http.operator))
    pulumi.export("minio_endpoint", http_url(minio.api.operator))
    pulumi.export("release", settings.langfuse_version)
    pulumi.export("images", {service: _described(image) for service, image in context.images.items()})
    pulumi.export("checks", phases.results)
    foreign = [part for part, address in ((clickhouse, clickhouse.http), (minio, minio.api)) if is_external(address)]
    if external := [gate for part in foreign for gate in part.gates]:
        pulumi.export("not_proven", {gate.gate_name: gate.evidence.apply(_not_proven) for gate in external})
    pulumi.export(
        "gateway_env",
        pulumi.Output.secret(
            {
                "OPENAI_BASE_URL": f"{gateway.url}/v1",
                "OPENAI_API_KEY": master_key,
                "LANGFUSE_HOST": langfuse_url,
                "LANGFUSE_BASE_URL": langfuse_url,
                "LANGFUSE_PUBLIC_KEY": public_key,
                "LANGFUSE_SECRET_KEY": secret_key,
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": relay.url,
                "OTEL_EXPORTER_OTLP_TRACES_HEADERS": otlp_headers(public_key, secret_key),
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
            }
        ),
    )


def _not_proven(evidence: Mapping[str, Any]) -> list[str]:
    return list(evidence.get("not_proven") or ())


def _described(image: Image) -> dict[str, object]:
    inner = {"ledgers", "migrations", "clickhouse_floor"}
    return {name: value for name, value in asdict(image).items() if value is not None and name not in inner}

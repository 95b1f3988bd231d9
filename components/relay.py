"""The relay: takes traces for Langfuse, keeps them on a volume, and hands them on until Langfuse has taken them.

It is the OpenTelemetry Collector with a persistent sending queue, and a proxy on its way to web.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

import pulumi

from checks.base import CheckResource
from checks.relay import RelayGate
from checks.trace import OTLP_PATH
from components.base import Component
from components.context import Context
from components.langfuse import WEB, WEB_PORT, replicas
from components.proxy import Behind, proxy
from components.templates import render
from platforms.spec import (
    Address,
    File,
    HealthSpec,
    HttpProbe,
    Mount,
    Port,
    ServiceSpec,
    Volume,
)

RELAY, RELAY_PROXY = "relay", "relay-proxy"
OTLP_PORT, HEALTH_PORT, METRICS_PORT = 4318, 13133, 8888
CONFIG_FILE = "/etc/relay/collector.yaml"
FOLDER = "/var/lib/relay"
CONSUMERS = 10
"""Requests to web at a time."""
STOP_GRACE = 30
ROOT = "0"
"""A new volume belongs to root, and the image has no shell to give it to its own user."""
KEYS, KEYS_BEFORE = "RELAY_KEYS", "RELAY_KEYS_BEFORE"


class Relay(Component):
    """The relay of one project's traces.

    Args:
        context: the stack's.
        after: gates that must be proven first.
    """

    address: Address
    url: str
    """Where applications send traces to."""
    gates: list[CheckResource]

    def __init__(self, context: Context, after: Sequence[pulumi.Resource]) -> None:
        super().__init__(RELAY, after)
        group, secrets, platform = context.settings.relay, context.secrets, context.platform
        volume = platform.volume("relay-data", context.volume(RELAY, group.volume_gb), self.data())
        accepted = {KEYS: credentials(secrets.langfuse_public_key, secrets.langfuse_secret_key)}
        if before := _credentials_before(context):
            accepted[KEYS_BEFORE] = before
        service = platform.service(RELAY, _collector(context, volume, accepted), self.child())
        self.address, metrics = service.addresses["otlp"], service.addresses["metrics"]
        self.url = f"http://{self.address.operator}{OTLP_PATH}"
        started = [service.resource] if service.resource else []
        front = platform.service(RELAY_PROXY, _proxy(context), self.child(after=started))
        self.gates = self.gate(
            RelayGate,
            "relay-gate",
            service,
            {
                "url": self.url,
                "metrics_url": f"http://{metrics.operator}/metrics",
                "public_key": secrets.langfuse_public_key,
                "secret_key": secrets.langfuse_secret_key,
                "queue_bytes": _queue_bytes(context),
            },
            after=[front.resource] if front.resource else [],
        )
        self.register_outputs({"url": self.url, "accepted": list(accepted.values())})


def otlp_headers(public_key: pulumi.Input[str], secret_key: pulumi.Input[str]) -> pulumi.Output[str]:
    """`OTEL_EXPORTER_OTLP_TRACES_HEADERS` of whoever sends to the relay: percent-encoded, as OpenTelemetry reads it."""
    return credentials(public_key, secret_key).apply(as_header)


def as_header(pair: str) -> str:
    """The header of a pair of keys, as OpenTelemetry reads it from a variable."""
    return f"Authorization={quote(f'Basic {pair}', safe='')}"


def credentials(public_key: pulumi.Input[str], secret_key: pulumi.Input[str]) -> pulumi.Output[str]:
    """A pair of keys as Basic auth has it."""
    return pulumi.Output.secret(pulumi.Output.all(public_key, secret_key).apply(lambda pair: basic(*pair)))


def basic(public_key: str, secret_key: str) -> str:
    """The same of keys that are known."""
    return base64.b64encode(f"{public_key}:{secret_key}".encode()).decode()


def _credentials_before(context: Context) -> pulumi.Output[str] | None:
    """Of the pair of keys before the one in use, which senders may still have; `None` where there was none."""
    vault, generated = context.vault, context.secrets.langfuse_keys_before
    if vault.langfuse_public_key and vault.langfuse_secret_key:
        now = basic(vault.langfuse_public_key, vault.langfuse_secret_key)
        before = context.settings.recorded.credentials_before(now)
        return pulumi.Output.secret(before) if before else None
    return credentials(*generated) if generated else None


def _queue_bytes(context: Context) -> int:
    """Of spans that wait; what comes on top is refused, so that its sender keeps it."""
    return context.settings.relay.queue_mb * 1024**2


def _collector(context: Context, volume: Volume, accepted: Mapping[str, pulumi.Output[str]]) -> ServiceSpec:
    group = context.settings.relay
    return ServiceSpec(
        name=RELAY,
        image=context.images["relay"].image,
        command=("--config", CONFIG_FILE),
        ports=(
            Port("otlp", OTLP_PORT, group.port, "relay:port"),
            Port("metrics", METRICS_PORT, group.metrics_port, "relay:metricsPort"),
        ),
        health=HealthSpec(HttpProbe(HEALTH_PORT, "/", from_inside=False)),
        stop_grace=STOP_GRACE,
        secret_env=accepted,
        mounts=(Mount(volume, FOLDER),),
        files=(File(CONFIG_FILE, _configuration(context, accepted)),),
        user=ROOT,
    )


def _configuration(context: Context, accepted: Iterable[str]) -> str:
    platform = context.platform
    host = f"[{platform.bind_address}]" if ":" in platform.bind_address else platform.bind_address
    return render(
        "relay/collector.yaml",
        http_bind=f"{host}:{OTLP_PORT}",
        health_bind=f"{host}:{HEALTH_PORT}",
        metrics_host=platform.bind_address,
        metrics_port=METRICS_PORT,
        path=OTLP_PATH,
        web=platform.internal(RELAY_PROXY, WEB_PORT),
        folder=FOLDER,
        queue_bytes=_queue_bytes(context),
        consumers=CONSUMERS,
        tokens="\n".join(f'      - "${{env:{name}}}"' for name in accepted),
    )


def _proxy(context: Context) -> ServiceSpec:
    platform = context.platform
    webs = [WEB] if platform.replicates else replicas(WEB, context.settings.web.replicas)
    return proxy(
        context,
        RELAY_PROXY,
        "proxy/relay.cfg",
        ports=(Port("http", WEB_PORT, None, "relay:port"),),
        behind=Behind(webs, check_port=WEB_PORT, standby=False),
        relay=platform.internal(RELAY, HEALTH_PORT),
    )

"""Prometheus and Alertmanager with the exporters that they need, and the gate that proves that all is watched."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import pulumi
import yaml

from checks.base import CheckResource
from checks.monitoring import MonitoringGate
from checks.trace import BULL
from components import clickhouse, gateway, minio
from components.base import Component
from components.clickhouse_cluster import members
from components.context import Context
from components.gateway import Gateway
from components.langfuse import WEB, WEB_PORT, WORKER, WORKER_PORT, replicas
from components.langfuse_env import Stores
from components.relay import METRICS_PORT as RELAY_METRICS_PORT
from components.templates import read
from platforms.spec import Address, File, HealthSpec, HttpProbe, Metrics, Mount, Platform, Port, ServiceSpec
from settings import media_url
from settings.groups import MonitoringSettings
from urls import postgres_url

PROMETHEUS, ALERTMANAGER, PUSHGATEWAY = PUBLISHED = "prometheus", "alertmanager", "pushgateway"
BLACKBOX, POSTGRES_EXPORTER, REDIS_EXPORTER = "blackbox-exporter", "postgres-exporter", "redis-exporter"
PORTS: Mapping[str, int] = {
    PROMETHEUS: 9090,
    ALERTMANAGER: 9093,
    PUSHGATEWAY: 9091,
    BLACKBOX: 9115,
    POSTGRES_EXPORTER: 9187,
    REDIS_EXPORTER: 9121,
}
"""Port inside each service, as its official image has it."""
HEALTH: Mapping[str, str] = {BLACKBOX: "/-/healthy", POSTGRES_EXPORTER: "/", REDIS_EXPORTER: "/health"}
"""Path that answers once a service is well, where it is not READY."""
READY = "/-/ready"
FOLDER, DATA = "/etc/prometheus", "/prometheus"
VOLUME = "prometheus-data"
"""Logical name of the volume."""
LIMIT = "langfuse:limit:"
"""First part of the name under which a threshold is recorded."""
RULES = ("limits.yaml", "rules.yaml", "alerts.yaml")
USUAL_INTERVAL = 15
"""Seconds between two evaluations for which the rules' times are written."""
MINUTES = re.compile(r"(for: |\[)(\d+)m")
PUSHED: Mapping[str, Any] = {
    "honor_labels": True,
    "metric_relabel_configs": [
        {"source_labels": ["__name__"], "regex": "(langfuse|push)_.+", "target_label": "service", "replacement": ""}
    ],
}
"""What was pushed keeps the name of who pushed it, and is not about the service that hands it on."""
EXPORTER_MEMORY_MB = 128
QUEUE_KEYS = ("wait", "paused", "prioritized", "failed")
"""Last part of the keys of a queue that are counted."""


@dataclass(frozen=True)
class Watched:
    """What is looked at, by service."""

    metrics: Mapping[str, Metrics]
    """Services that give metrics themselves."""
    health: Mapping[str, tuple[int, str]]
    """Port and path that answer while a service is well."""
    certificates: Sequence[str]
    """`host:port` of every public address."""


def has_metrics(context: Context) -> bool:
    """Whether the stack has a Prometheus, or the metrics of one that it had."""
    known = context.settings.recorded.known_data or ()
    return context.settings.monitored or any(urn.endswith(f"::{VOLUME}") for urn in known)


class Monitoring(Component):
    """The metrics of a stack, their alerts, and where those are sent; its volume alone after it is switched off.

    Args:
        context: the stack's.
        after: gates that must be proven first.
        stores: the data tier.
        gateway: after its gates it is proven that all is watched.
    """

    address: Address | None = None
    gates: list[CheckResource]

    def __init__(self, context: Context, after: Sequence[pulumi.Resource], stores: Stores, gateway: Gateway) -> None:
        super().__init__("monitoring", after)
        volume = context.volume(PROMETHEUS, context.settings.monitoring.volume_gb)
        data = context.platform.volume(VOLUME, volume, self.data())
        self.gates = []
        if not context.settings.monitored:
            self.register_outputs({})
            return
        watched = _watched(context)
        services = {
            spec.name: context.platform.service(spec.name, spec, self.child())
            for spec in (_prometheus(context, watched, Mount(data, DATA)), *_others(context, stores))
        }
        prometheus = services[PROMETHEUS]
        self.address = prometheus.addresses["http"]
        self.gates = self.gate(
            MonitoringGate,
            "monitoring-gate",
            prometheus,
            {
                "url": f"http://{self.address.operator}",
                "services": sorted({*watched.metrics, *watched.health, *_exporters()}),
                "alertmanager": services[ALERTMANAGER].identity,
            },
            after=[*gateway.gates, *(service.resource for service in services.values() if service.resource)],
        )
        urls = {name: f"http://{services[name].addresses['http'].operator}" for name in PUBLISHED}
        self.register_outputs(urls)


def _watched(context: Context) -> Watched:
    settings = context.settings
    urls = (context.langfuse_url, media_url(settings), settings.gateway_url)
    public = map(urlsplit, filter(None, urls))
    clickhouses = dict.fromkeys(members(settings), clickhouse.METRICS)
    return Watched(
        metrics={
            **(clickhouses if "clickhouse" in settings.stores else {}),
            **({"minio": minio.METRICS} if "minio" in settings.stores else {}),
            "gateway": gateway.METRICS,
            "relay": Metrics(RELAY_METRICS_PORT),
        },
        health={
            **dict.fromkeys(replicas(WEB, settings.web.replicas), (WEB_PORT, "/api/public/health")),
            **dict.fromkeys(replicas(WORKER, settings.worker.replicas), (WORKER_PORT, "/api/health")),
        },
        certificates=[f"{url.hostname}:{url.port or 443}" for url in public if url.scheme == "https"],
    )


def rules(name: str, interval: int, limits: Mapping[Any, float]) -> str:
    """A rule file for another interval than the usual one, and with other limits.

    Args:
        name: of the file.
        interval: seconds between two evaluations; all times of the rules become longer or shorter with it.
        limits: by the last part of their names.
    """
    timed = MINUTES.sub(lambda found: f"{found[1]}{int(found[2]) * 60 * interval // USUAL_INTERVAL}s", read(name))
    document = yaml.safe_load(timed)
    changed = {f"{LIMIT}{limit}": f"{value:g}" for limit, value in limits.items()}
    for rule in document["groups"][0]["rules"]:
        rule["expr"] = changed.get(rule.get("record"), rule["expr"])
    return yaml.safe_dump(document, sort_keys=False, width=1000)


def _exporters() -> tuple[str, ...]:
    return (ALERTMANAGER, BLACKBOX, POSTGRES_EXPORTER, PUSHGATEWAY, REDIS_EXPORTER)


def _prometheus(context: Context, watched: Watched, data: Mount) -> ServiceSpec:
    group = context.settings.monitoring
    scraping = yaml.safe_dump(_scraping(group.interval_seconds, watched, context.platform), sort_keys=False)
    spec = _spec(
        PROMETHEUS,
        context,
        command=(
            f"--config.file={FOLDER}/prometheus.yml",
            f"--storage.tsdb.path={DATA}",
            f"--storage.tsdb.retention.time={group.retention_days}d",
            # The write-ahead log comes on top of it.
            f"--storage.tsdb.retention.size={group.volume_gb * 800}MB",
            _listen(PROMETHEUS, context),
        ),
        files=(
            File(f"{FOLDER}/prometheus.yml", scraping),
            *(
                File(f"{FOLDER}/{name}", rules(f"monitoring/{name}", group.interval_seconds, group.limits))
                for name in RULES
            ),
        ),
        memory_mb=group.memory_mb,
    )
    # Go takes all that it is allowed before it collects.
    return replace(spec, mounts=(data,), env={"GOMEMLIMIT": f"{group.memory_mb * 8 // 10}MiB"})


def _listen(service: str, context: Context) -> str:
    return f"--web.listen-address={context.platform.bind_address}:{PORTS[service]}"


def _others(context: Context, stores: Stores) -> list[ServiceSpec]:
    postgres, redis = stores.postgres, stores.redis
    prefix = context.settings.redis.key_prefix or BULL
    return [
        _alertmanager(context),
        _spec(PUSHGATEWAY, context, command=(_listen(PUSHGATEWAY, context),)),
        _spec(
            BLACKBOX,
            context,
            command=("--config.file=/etc/blackbox.yaml", _listen(BLACKBOX, context)),
            files=(File("/etc/blackbox.yaml", read("monitoring/blackbox.yaml")),),
        ),
        replace(
            _spec(POSTGRES_EXPORTER, context, command=(_listen(POSTGRES_EXPORTER, context),)),
            secret_env={"DATA_SOURCE_NAME": postgres.direct_url.apply(lambda url: _of_lib_pq(url, postgres.sslmode))},
        ),
        replace(
            _spec(REDIS_EXPORTER, context, command=(_listen(REDIS_EXPORTER, context).removeprefix("-"),)),
            env={"REDIS_EXPORTER_CHECK_KEYS": ",".join(f"{prefix}:*:{key}" for key in QUEUE_KEYS)},
            secret_env={"REDIS_ADDR": redis.passwordless_url, "REDIS_PASSWORD": redis.password},
        ),
    ]


def _alertmanager(context: Context) -> ServiceSpec:
    group = context.settings.monitoring
    alerting = pulumi.Output.secret(yaml.safe_dump(alerts_sent(group), sort_keys=True))
    return _spec(
        ALERTMANAGER,
        context,
        command=(
            "--config.file=/etc/alertmanager/alertmanager.yml",
            "--storage.path=/alertmanager",
            _listen(ALERTMANAGER, context),
            # One server has nobody to gossip with.
            "--cluster.listen-address=",
        ),
        files=(File("/etc/alertmanager/alertmanager.yml", alerting),),
    )


def _spec(
    name: str,
    context: Context,
    *,
    command: tuple[str, ...],
    files: tuple[File, ...] = (),
    memory_mb: int = EXPORTER_MEMORY_MB,
) -> ServiceSpec:
    port, published = PORTS[name], getattr(context.settings.monitoring, f"{name}_port", None)
    return ServiceSpec(
        name=name,
        image=context.images[name].image,
        command=command,
        ports=(Port("http", port, published, f"monitoring:{name}Port"),),
        health=HealthSpec(HttpProbe(port, HEALTH.get(name, READY))),
        stop_grace=10,
        files=files,
        memory_mb=memory_mb,
    )


def _of_lib_pq(url: str, sslmode: str) -> str:
    """The URL as Go's client reads it, which knows no `prefer` and takes what it does not know for a server setting."""
    parsed = postgres_url(url)
    return (parsed if parsed.tls else parsed.defaulting(sslmode=sslmode)).libpq()


def _scraping(interval: int, watched: Watched, platform: Platform) -> dict[str, Any]:
    every = f"{interval}s"
    timeout = f"{min(interval, 10)}s"
    own = {name: Metrics(PORTS[name]) for name in (PROMETHEUS, *_exporters())}
    jobs = [
        _job(service, platform.internal(service, metrics.port), metrics.path)
        for service, metrics in {**watched.metrics, **own}.items()
    ]
    blackbox = platform.internal(BLACKBOX, PORTS[BLACKBOX])
    for service, (port, path) in watched.health.items():
        target = f"http://{platform.internal(service, port)}{path}"
        jobs.append(_probed(f"health of {service}", "http", target, blackbox, {"service": service}))
    jobs += [
        _probed(f"certificate of {address}", "certificate", address, blackbox, {"address": address})
        for address in watched.certificates
    ]
    return {
        "global": {"scrape_interval": every, "scrape_timeout": timeout, "evaluation_interval": every},
        "rule_files": [f"{FOLDER}/{name}" for name in RULES],
        "alerting": {
            "alertmanagers": [{"static_configs": [{"targets": [platform.internal(ALERTMANAGER, PORTS[ALERTMANAGER])]}]}]
        },
        "scrape_configs": jobs,
    }


def _job(service: str, target: str, path: str) -> dict[str, Any]:
    return {
        "job_name": service,
        "metrics_path": path,
        **(PUSHED if service == PUSHGATEWAY else {}),
        "static_configs": [{"targets": [target], "labels": {"service": service}}],
    }


def _probed(job: str, module: str, target: str, blackbox: str, labels: Mapping[str, str]) -> dict[str, Any]:
    return {
        "job_name": job,
        "metrics_path": "/probe",
        "params": {"module": [module], "target": [target]},
        "static_configs": [{"targets": [blackbox], "labels": dict(labels)}],
    }


def alerts_sent(group: MonitoringSettings) -> dict[str, Any]:
    """Alertmanager's configuration; it may hold secrets."""
    receiver: dict[str, Any] = {"name": "operator"}
    if group.webhook_url:
        receiver["webhook_configs"] = [{"url": group.webhook_url, "send_resolved": True}]
    if group.mail_to:
        login = {"auth_username": group.mail_user, "auth_password": group.mail_password} if group.mail_user else {}
        mail = {"to": group.mail_to, "from": group.mail_from, "smarthost": group.mail_server, "send_resolved": True}
        receiver["email_configs"] = [mail | login]
    interval = group.interval_seconds
    return {
        "route": {
            "receiver": "operator",
            "group_by": ["alertname"],
            "group_wait": f"{interval}s",
            "group_interval": f"{4 * interval}s",
            "repeat_interval": "4h",
        },
        # One thing that does not answer is told once.
        "inhibit_rules": [
            {
                "source_matchers": ['alertname="ServiceUnreachable"', 'service="pushgateway"'],
                "target_matchers": ['alertname="WatchSilent"'],
            }
        ],
        "receivers": [receiver],
    }

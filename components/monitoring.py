"""Prometheus and Alertmanager with the exporters that they need, and the gate that proves that all is watched."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pulumi
import yaml

from checks.base import CheckResource
from checks.monitoring import MonitoringGate
from checks.trace import BULL
from components.base import Component
from components.langfuse_env import Database, Queue
from components.releases import Image
from components.templates import read
from platforms.spec import Address, File, HealthSpec, HttpProbe, Metrics, Mount, Platform, Port, ServiceSpec, VolumeSpec
from urls import postgres_url

PROMETHEUS, ALERTMANAGER, PUSHGATEWAY = "prometheus", "alertmanager", "pushgateway"
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
class Mail:
    """How alerts are sent by mail."""

    to: str
    sender: str
    server: str
    """`host:port`; it must speak TLS unless it is on this machine."""
    user: str | None
    password: pulumi.Input[str] | None


@dataclass(frozen=True)
class Watched:
    """What is looked at, by service."""

    metrics: Mapping[str, Metrics]
    """Services that give metrics themselves."""
    health: Mapping[str, tuple[int, str]]
    """Port and path that answer while a service is well."""
    certificates: Sequence[str]
    """`host:port` of every public address."""


@dataclass(frozen=True)
class MonitoringArgs:
    """What makes one stack's monitoring differ from another's."""

    images: Mapping[str, Image]
    ports: Mapping[str, int]
    """Published port of Prometheus, Alertmanager and the Pushgateway."""
    watched: Watched
    postgres: Database
    sslmode: str
    """How Postgres is spoken to, where its URL does not say."""
    redis: Queue
    redis_url: pulumi.Output[str]
    """Address, user and TLS of the queue's Redis; without its password."""
    key_prefix: str
    """First part of every queue's keys; empty for the usual one."""
    interval: int
    """Seconds between two scrapes and two evaluations."""
    retention_days: int
    volume_gb: int
    memory_mb: int
    limits: Mapping[Any, float] = field(default_factory=dict)
    """Thresholds other than the usual ones, by the last part of their names."""
    webhook: pulumi.Output[str] | None = None
    mail: Mail | None = None


class Monitoring(Component):
    """The metrics of a stack, their alerts, and where those are sent.

    Args:
        args: see `MonitoringArgs`; `None` keeps the metrics of a stack whose monitoring is switched off.
        volume: of Prometheus.
        platform: where it runs.
        after: gates that must be proven first.
        watched: gates of what is watched: that all of it is reached is proven after them.
    """

    address: Address | None = None
    gates: list[CheckResource]

    def __init__(
        self,
        args: MonitoringArgs | None,
        volume: VolumeSpec,
        platform: Platform,
        after: Sequence[pulumi.Resource],
        watched: Sequence[pulumi.Resource],
    ) -> None:
        super().__init__("monitoring", after)
        data = platform.volume(VOLUME, volume, self.data())
        self.gates = []
        if args is None:
            self.register_outputs({})
            return
        services = {
            spec.name: platform.service(spec.name, spec, self.child())
            for spec in (_prometheus(args, Mount(data, DATA), platform), *_others(args, platform))
        }
        prometheus = services[PROMETHEUS]
        self.address = prometheus.addresses["http"]
        self.gates = self.prove(
            MonitoringGate,
            "monitoring-gate",
            prometheus,
            {
                "url": f"http://{self.address.operator}",
                "services": sorted({*args.watched.metrics, *args.watched.health, *_exporters()}),
                "alertmanager": services[ALERTMANAGER].identity,
            },
            after=[*watched, *(service.resource for service in services.values() if service.resource)],
        )
        self.register_outputs(
            {
                "prometheus": f"http://{self.address.operator}",
                "alertmanager": f"http://{services[ALERTMANAGER].addresses['http'].operator}",
                "pushgateway": f"http://{services[PUSHGATEWAY].addresses['http'].operator}",
            }
        )


def rules(name: str, interval: int, limits: Mapping[str, float]) -> str:
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


def _prometheus(args: MonitoringArgs, data: Mount, platform: Platform) -> ServiceSpec:
    spec = _spec(
        PROMETHEUS,
        args,
        command=(
            f"--config.file={FOLDER}/prometheus.yml",
            f"--storage.tsdb.path={DATA}",
            f"--storage.tsdb.retention.time={args.retention_days}d",
            # The write-ahead log comes on top of it.
            f"--storage.tsdb.retention.size={args.volume_gb * 800}MB",
            f"--web.listen-address={platform.bind_address}:{PORTS[PROMETHEUS]}",
        ),
        files=(
            File(f"{FOLDER}/prometheus.yml", yaml.safe_dump(_scraping(args, platform), sort_keys=False)),
            *(File(f"{FOLDER}/{name}", rules(f"monitoring/{name}", args.interval, args.limits)) for name in RULES),
        ),
        memory_mb=args.memory_mb,
    )
    # Go takes all that it is allowed before it collects.
    return replace(spec, mounts=(data,), env={"GOMEMLIMIT": f"{args.memory_mb * 8 // 10}MiB"})


def _others(args: MonitoringArgs, platform: Platform) -> list[ServiceSpec]:
    def listen(service: str) -> str:
        return f"--web.listen-address={platform.bind_address}:{PORTS[service]}"

    alerting = pulumi.Output.all(webhook=args.webhook, password=args.mail.password if args.mail else None)
    return [
        _spec(
            ALERTMANAGER,
            args,
            command=(
                "--config.file=/etc/alertmanager/alertmanager.yml",
                "--storage.path=/alertmanager",
                listen(ALERTMANAGER),
                # One server has nobody to gossip with.
                "--cluster.listen-address=",
            ),
            files=(
                File(
                    "/etc/alertmanager/alertmanager.yml",
                    pulumi.Output.secret(alerting.apply(lambda secret: yaml.safe_dump(alerts_sent(args, **secret)))),
                ),
            ),
        ),
        _spec(PUSHGATEWAY, args, command=(listen(PUSHGATEWAY),)),
        _spec(
            BLACKBOX,
            args,
            command=("--config.file=/etc/blackbox.yaml", listen(BLACKBOX)),
            files=(File("/etc/blackbox.yaml", read("monitoring/blackbox.yaml")),),
        ),
        replace(
            _spec(POSTGRES_EXPORTER, args, command=(listen(POSTGRES_EXPORTER),)),
            secret_env={"DATA_SOURCE_NAME": args.postgres.direct_url.apply(lambda url: _of_lib_pq(url, args.sslmode))},
        ),
        replace(
            _spec(REDIS_EXPORTER, args, command=(f"-{listen(REDIS_EXPORTER).lstrip('-')}",)),
            env={"REDIS_EXPORTER_CHECK_KEYS": ",".join(f"{args.key_prefix or BULL}:*:{key}" for key in QUEUE_KEYS)},
            secret_env={"REDIS_ADDR": args.redis_url, "REDIS_PASSWORD": args.redis.password},
        ),
    ]


def _spec(
    name: str,
    args: MonitoringArgs,
    *,
    command: tuple[str, ...],
    files: tuple[File, ...] = (),
    memory_mb: int = EXPORTER_MEMORY_MB,
) -> ServiceSpec:
    port = PORTS[name]
    return ServiceSpec(
        name=name,
        image=args.images[name].image,
        command=command,
        ports=(Port("http", port, args.ports.get(name), f"monitoring:{name}Port"),),
        health=HealthSpec(HttpProbe(port, HEALTH.get(name, READY))),
        stop_grace=10,
        files=files,
        memory_mb=memory_mb,
    )


def _of_lib_pq(url: str, sslmode: str) -> str:
    """The URL as Go's client reads it, which knows no `prefer` and takes what it does not know for a server setting."""
    parsed = postgres_url(url)
    return (parsed if parsed.tls else parsed.defaulting(sslmode=sslmode)).libpq()


def _scraping(args: MonitoringArgs, platform: Platform) -> dict[str, Any]:
    every = f"{args.interval}s"
    timeout = f"{min(args.interval, 10)}s"
    own = {name: Metrics(PORTS[name]) for name in (PROMETHEUS, *_exporters())}
    jobs = [
        _job(service, platform.internal(service, metrics.port), metrics.path)
        for service, metrics in {**args.watched.metrics, **own}.items()
    ]
    blackbox = platform.internal(BLACKBOX, PORTS[BLACKBOX])
    for service, (port, path) in args.watched.health.items():
        target = f"http://{platform.internal(service, port)}{path}"
        jobs.append(_probed(f"health of {service}", "http", target, blackbox, {"service": service}))
    jobs += [
        _probed(f"certificate of {address}", "certificate", address, blackbox, {"address": address})
        for address in args.watched.certificates
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


def alerts_sent(args: MonitoringArgs, webhook: str | None, password: str | None) -> dict[str, Any]:
    """Alertmanager's configuration.

    Args:
        args: see `MonitoringArgs`.
        webhook: URL that alerts are posted to; `None` for none.
        password: of the mail server.
    """
    mail = args.mail
    receiver: dict[str, Any] = {"name": "operator"}
    if webhook:
        receiver["webhook_configs"] = [{"url": webhook, "send_resolved": True}]
    if mail:
        login = {"auth_username": mail.user, "auth_password": password} if mail.user else {}
        receiver["email_configs"] = [
            {"to": mail.to, "from": mail.sender, "smarthost": mail.server, "send_resolved": True, **login}
        ]
    return {
        "route": {
            "receiver": "operator",
            "group_by": ["alertname"],
            "group_wait": f"{args.interval}s",
            "group_interval": f"{4 * args.interval}s",
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

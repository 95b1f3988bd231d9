"""What monitoring adds to a stack, and what it leaves as it was."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from components.monitoring import VOLUME
from components.releases import MONITORING
from ops.limits import TABLE, Limits, limits
from platforms.fly.toml import Guest, document
from platforms.spec import HealthSpec, HttpProbe, Metrics, Port, ServiceSpec
from settings import SettingsError, load
from settings.groups import LimitName
from tests.unit.recorder import Recording, record, recorded

ON = {"monitoring:enabled": "true"}
WEBHOOK = "https://hooks.example.com/very-secret"
MAIL = {
    "monitoring:mailTo": "ops@example.com",
    "monitoring:mailFrom": "stack@example.com",
    "monitoring:mailServer": "mail.example.com:587",
    "monitoring:mailUser": "stack",
    "monitoring:mailPassword": "mail-secret",
}


def files(found: Recording, service: str) -> dict[str, str]:
    """Content by path of what a container gets."""
    uploads: Any = found.one(service).inputs["uploads"]
    uploads = uploads["value"] if isinstance(uploads, dict) else uploads
    return {entry["file"]: _plain(entry["content"]) for entry in uploads}


def _plain(value: Any) -> str:
    return str(value["value"]) if isinstance(value, dict) else str(value)


def names(found: Recording) -> set[str]:
    return {entry.name for entry in found.resources}


def test_it_adds_its_own_parts_and_without_it_nothing_changes() -> None:
    without, found = recorded({}), recorded(ON)
    assert names(found) - names(without) == {*MONITORING, "monitoring", "monitoring-gate", VOLUME}
    changed = {
        entry.name
        for entry in without.resources
        if entry.type.startswith("docker:") and entry.inputs != found.one(entry.name).inputs
    }
    assert changed == {"clickhouse", "minio", "gateway"}


def test_its_parts_turn_on_what_they_offer_themselves() -> None:
    found = recorded(ON)
    assert found.env("minio")["MINIO_PROMETHEUS_AUTH_TYPE"] == "public"
    assert "<port>9363</port>" in files(found, "clickhouse")["/etc/clickhouse-server/config.d/langfuse-metrics.xml"]
    gateway = yaml.safe_load(files(found, "gateway")["/etc/litellm/litellm.config.yaml"])["litellm_settings"]
    assert gateway["callbacks"] == ["langfuse_otel", "prometheus"]
    assert gateway["require_auth_for_metrics_endpoint"] is False
    labels = {label for group in gateway["prometheus_metrics_config"] for label in group["include_labels"]}
    assert not labels & {"client_ip", "user", "user_email", "end_user", "hashed_api_key", "api_key_alias"}


def test_what_the_operators_file_counts_stays_as_it_says() -> None:
    own = {"litellm_settings": {"callbacks": ["prometheus"], "prometheus_metrics_config": []}}
    found = recorded({**ON, "gateway:config": json.dumps(own)})
    gateway = yaml.safe_load(files(found, "gateway")["/etc/litellm/litellm.config.yaml"])["litellm_settings"]
    assert gateway["prometheus_metrics_config"] == []
    assert gateway["callbacks"] == ["prometheus", "langfuse_otel"]


def test_every_service_is_scraped_or_asked_for_its_health() -> None:
    found = recorded({**ON, "web:replicas": "2", "langfuse:publicUrl": "https://langfuse.example.com"})
    jobs = yaml.safe_load(files(found, "prometheus")["/etc/prometheus/prometheus.yml"])["scrape_configs"]
    services = {job["static_configs"][0]["labels"].get("service") for job in jobs}
    assert {
        "clickhouse",
        "minio",
        "gateway",
        "langfuse-web",
        "langfuse-web-2",
        "langfuse-worker",
        *MONITORING,
    } <= services
    [certificate] = [job for job in jobs if job.get("params", {}).get("module") == ["certificate"]]
    assert certificate["params"]["target"] == ["langfuse.example.com:443"]


def test_no_secret_is_in_a_plain_file_variable_or_command() -> None:
    found = recorded({**ON, **MAIL, "monitoring:webhookUrl": WEBHOOK})
    for part in MONITORING:
        inputs = found.one(part).inputs
        secret = "4dabf18193072939515e22adb298388d"
        plain = [entry for entry in inputs.get("uploads", []) if secret not in entry.get("content", {})]
        shown = json.dumps([plain, inputs.get("command", [])])
        assert not [value for value in (WEBHOOK, "mail-secret", "result-of-redis-password") if value in shown]
    sent = yaml.safe_load(files(found, "alertmanager")["/etc/alertmanager/alertmanager.yml"])["receivers"][0]
    assert sent["webhook_configs"][0]["url"] == WEBHOOK
    assert sent["email_configs"][0]["auth_password"] == "mail-secret"


def test_its_metrics_are_kept_when_it_is_switched_off_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    urn = f"urn:pulumi:test::langfuse-stack::langfuse-stack:index:Monitoring$docker:index/volume:Volume::{VOLUME}"
    found = record({}, tmp_path, monkeypatch, known_data=[urn])
    volume = found.one(VOLUME)
    assert (volume.protect, volume.retain_on_delete) == (True, True)
    assert not names(found) & set(MONITORING)


def test_a_stopped_stack_has_no_container_of_it_and_its_volume() -> None:
    found = names(recorded({**ON, "langfuse-stack:running": "false"}))
    assert VOLUME in found
    assert not found & set(MONITORING)


def test_all_its_ports_are_on_loopback_and_exporters_have_none() -> None:
    found = recorded(ON)
    published = {part: found.one(part).inputs.get("ports", []) for part in MONITORING}
    assert {part for part, ports in published.items() if ports} == {"prometheus", "alertmanager", "pushgateway"}
    assert {port["ip"] for ports in published.values() for port in ports} == {"127.0.0.1"}


def test_a_service_on_fly_says_where_its_metrics_are() -> None:
    spec = ServiceSpec(
        name="x",
        image="x",
        ports=(Port("http", 80, None, "x"),),
        health=HealthSpec(HttpProbe(80, "/")),
        stop_grace=5,
        metrics=Metrics(9363),
    )
    assert document(spec, "app", "ord", Guest())["metrics"] == [
        {"port": 9363, "path": "/metrics", "processes": ["app"]}
    ]


def test_fly_runs_no_prometheus() -> None:
    settings = load({**ON, "langfuse-stack:platform": "fly"})
    assert not settings.monitored
    assert not set(settings.image_references) & set(MONITORING)


def test_the_settings_know_every_limit_of_the_table() -> None:
    assert set(get_args(LimitName)) == set(Limits.__dataclass_fields__)
    assert limits({"disk_percent": 7}).disk_percent == 7
    assert limits().disk_percent == 80, TABLE


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("monitoring:mailTo", "ops@example.com", "mail needs monitoring:mailFrom and monitoring:mailServer too"),
        ("monitoring:limits", '{"disk": 3}', "monitoring:limits.disk"),
        ("monitoring:intervalSeconds", "0", "monitoring:intervalSeconds"),
        ("monitoring:images", '{"grafana": "x"}', "monitoring:images.grafana"),
    ],
)
def test_a_setting_that_cannot_be_is_named(setting: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load({setting: value})


def test_its_ports_clash_with_no_other() -> None:
    with pytest.raises(SettingsError, match="minio:apiPort and monitoring:prometheusPort are both 9095"):
        load({**ON, "minio:apiPort": "9095"})
    load({"minio:apiPort": "9095"})

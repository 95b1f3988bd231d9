"""One description, two platforms: what a service is told, runs and is watched by does not depend on where it runs."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from platforms.fly.platform import FlyPlatform
from platforms.spec import HealthSpec, HttpProbe, Mount, ServiceSpec, UnsupportedError, Volume
from tests.checks.tls import authority
from tests.unit.recorder import ROOT, Recording, recorded

SERVICES = ("clickhouse", "minio", "postgres", "redis", "cache", "langfuse-web", "langfuse-worker", "relay", "gateway")
FLY = {"langfuse-stack:platform": "fly", "fly:localImages": "push"}
DIFFERENT = {"HOSTNAME"}
"""Which addresses exist is the platform's to know."""


@pytest.fixture(scope="module")
def both() -> tuple[Recording, Recording]:
    """The same settings on both platforms; nothing but the platform differs."""
    return recorded({}), recorded(FLY)


def request(fly: Recording, name: str) -> dict[str, Any]:
    """What the command of that name is asked."""
    stdin = fly.one(name).inputs["stdin"]
    text = stdin["value"] if isinstance(stdin, dict) else stdin
    found: dict[str, Any] = json.loads(text)
    return found


def docker_env(docker: Recording, service: str) -> dict[str, str]:
    return docker.env(service)


def fly_env(fly: Recording, service: str) -> dict[str, str]:
    secret = request(fly, f"{service}-secrets")["values"]
    files = {name for name in secret if name.startswith("FILE_")}
    plain = request(fly, f"{service}-deploy")["toml"]["env"]
    return {**plain, **{name: value for name, value in secret.items() if name not in files}}


def as_on_docker(value: str) -> str:
    """An address on Fly as the same service's address on Docker."""
    for service in (*SERVICES, "relay-proxy"):
        value = value.replace(f"langfuse-{service}.internal", service)
    return value.replace("[::]:", "0.0.0.0:").replace('"::"', '"0.0.0.0"')


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_told_the_same(service: str, both: tuple[Recording, Recording]) -> None:
    docker, fly = (docker_env(both[0], service), fly_env(both[1], service))
    assert docker.keys() == fly.keys()
    operator = {name for name in docker if "localhost" in docker[name] and name.startswith("LANGFUSE_S3_")}
    compared = docker.keys() - DIFFERENT - operator
    assert {name: docker[name] for name in compared} == {name: as_on_docker(fly[name]) for name in compared}
    assert len(compared) >= len(docker) - 4


def test_sign_in_mail_authorities_and_proxies_reach_the_same_services(tmp_path: Path) -> None:
    own = authority(tmp_path).certificate
    settings = {
        "langfuse:secretEnv": '{"AUTH_OKTA_CLIENT_SECRET": "canary", "SMTP_CONNECTION_URL": "smtp://a:canary@b.example"}',
        "langfuse-stack:caBundle": str(own),
        "langfuse-stack:httpsProxy": "http://proxy.example.com:3128",
    }
    docker, fly = recorded(settings), recorded({**settings, **FLY})
    for service in ("langfuse-web", "langfuse-worker", "gateway"):
        there, here = fly_env(fly, service), docker_env(docker, service)
        assert there.keys() == here.keys()
        assert there["SSL_CERT_FILE"] == here["SSL_CERT_FILE"]
        hosts = set(there["NO_PROXY"].split(","))
        assert {"langfuse-langfuse-web.internal", "langfuse-clickhouse.internal"} <= hosts
        files = {entry["guest_path"]: entry for entry in request(fly, f"{service}-deploy")["toml"]["files"]}
        assert own.read_text().strip() in files[there["SSL_CERT_FILE"]]["raw_value"]
        assert "canary" not in json.dumps(request(fly, f"{service}-deploy"))
    assert fly_env(fly, "langfuse-web")["AUTH_OKTA_CLIENT_SECRET"] == "canary"


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_runs_the_same_image_with_the_same_arguments(service: str, both: tuple[Recording, Recording]) -> None:
    container, deployed = both[0].one(service).inputs, request(both[1], f"{service}-deploy")
    assert deployed["image"] == container["image"]
    command = deployed["toml"]["processes"]["app"].split()
    assert command == [str(part) for part in container.get("command") or []]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_watched_and_stopped_alike(service: str, both: tuple[Recording, Recording]) -> None:
    container, toml = both[0].one(service).inputs, request(both[1], f"{service}-deploy")["toml"]
    checks = [*toml.get("checks", {}).values(), *toml.get("http_service", {}).get("checks", [])]
    [check] = checks
    assert toml["kill_timeout"] == container["stopTimeout"]
    if service == "relay":  # Docker asks from inside, where its image has nothing to ask with
        assert (check["port"], "healthcheck" in container) == (13133, False)
        return
    health = container["healthcheck"]
    assert check["interval"] == health["interval"]
    assert check["timeout"] == health["timeout"]
    minutes, seconds = health["startPeriod"].removesuffix("s").split("m")
    assert check["grace_period"] == f"{min(int(minutes) * 60 + int(seconds), 60)}s"
    probe = " ".join(health["tests"])
    if check.get("path"):
        assert check["path"] in probe


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_finds_the_same_files(service: str, both: tuple[Recording, Recording]) -> None:
    uploads = {item["file"]: item["content"] for item in both[0].one(service).inputs.get("uploads", [])}
    files = {file["guest_path"]: file for file in request(both[1], f"{service}-deploy")["toml"].get("files", [])}
    assert uploads.keys() == files.keys()
    for path, content in uploads.items():
        if "raw_value" in files[path]:
            assert as_on_docker(files[path]["raw_value"]) == content
        else:
            assert files[path]["secret_name"] in request(both[1], f"{service}-secrets")["values"]


def test_gates_are_the_same_and_wait_for_what_runs(both: tuple[Recording, Recording]) -> None:
    docker, fly = (
        {(entry.type, entry.name) for entry in recording.resources if ":dynamic/checks:" in entry.type}
        for recording in both
    )
    assert docker == fly
    assert "clickhouse-deploy" in both[1].one("clickhouse-gate").depends_on


def test_commands_of_a_service_follow_one_another(both: tuple[Recording, Recording]) -> None:
    fly = both[1]
    for later, earlier in (
        ("clickhouse-secrets", "clickhouse-app"),
        ("clickhouse-data", "clickhouse-secrets"),
        ("clickhouse-deploy", "clickhouse-data"),
    ):
        assert earlier in fly.one(later).depends_on


def test_no_command_can_delete_or_shows_more_than_why_it_failed(both: tuple[Recording, Recording]) -> None:
    commands = both[1].of_type("command:local:Command")
    volumes, of_a_proxy = 5, 2  # a proxy has neither secrets nor a volume
    assert len(commands) == 3 * len(SERVICES) + volumes + of_a_proxy
    for command in commands:
        assert not {"delete", "triggers", "update"} & command.inputs.keys()
        assert command.inputs["logging"] == "stderr"
        assert str(ROOT) not in json.dumps(command.inputs, default=str)


def test_apps_and_volumes_are_declared_as_data(both: tuple[Recording, Recording]) -> None:
    data = [entry for entry in both[1].of_type("command:local:Command") if entry.name.endswith(("-app", "-data"))]
    assert len(data) == len(SERVICES) + 1 + 5
    for entry in data:
        assert (entry.protect, entry.retain_on_delete, entry.delete_hooks) == (True, True, ("refuse-to-delete-data",))


def test_stopping_keeps_every_command_and_asks_for_the_other_state() -> None:
    running = recorded(FLY)
    stopped = recorded({**FLY, "langfuse-stack:running": "false"})
    of_type = "command:local:Command"
    assert {e.name for e in running.of_type(of_type)} == {e.name for e in stopped.of_type(of_type)}
    was, now = (request(recording, "clickhouse-deploy") for recording in (running, stopped))
    assert (was.pop("want"), now.pop("want")) == ("started", "stopped")
    assert was == now


def test_data_can_not_be_public() -> None:
    with pytest.raises(pulumi.RunError, match="fly:public"):
        recorded({**FLY, "fly:public": '["clickhouse"]'})


def test_what_a_platform_cannot_do_is_said_by_name() -> None:
    spec = ServiceSpec(
        "web",
        "sha256:0",
        (),
        HealthSpec(HttpProbe(80, "/")),
        stop_grace=301,
        replicas=2,
        mounts=(Mount(Volume(pulumi.Output.from_input("data")), "/data"),),
    )
    platform = FlyPlatform.__new__(FlyPlatform)
    platform.__dict__["_args"] = SimpleNamespace(public=())
    with pytest.raises(UnsupportedError, match=r"service web: 2 replicas.*no port.*301 s to stop"):
        platform._reject_unsupported(spec)


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, "http://langfuse-gateway.internal:4000"),
        ({"fly:public": '["langfuse-web", "gateway"]'}, "https://langfuse-gateway.fly.dev"),
        ({"gateway:publicUrl": "https://gateway.example.com/"}, "https://gateway.example.com"),
    ],
)
def test_applications_are_told_the_gateways_public_address_where_it_has_one(settings: dict[str, str], url: str) -> None:
    fly = recorded({**FLY, **settings})
    assert fly.outputs["gateway_url"] == url
    proof = fly.one("end-to-end-proof").inputs
    assert proof["gateway_url"] == "http://langfuse-gateway.internal:4000", "gates go through the private network"
    assert proof.get("public_gateway_url", url) == url
    assert ("public_gateway_url" in proof) == bool(settings)


def test_a_run_is_refused_where_fly_could_not_get_an_image() -> None:
    with pytest.raises(pulumi.RunError, match="fly:localImages push"):
        recorded({"langfuse-stack:platform": "fly"})
    with pytest.raises(pulumi.RunError, match="fly:localImages rehearse"):
        recorded(FLY, stand_in=True)


def test_without_tracing_the_last_gate_needs_no_way_but_the_gateways() -> None:
    """A rollback is run because something is down, and what is down has no way to it."""
    ways = {
        tracing: recorded({**FLY, "gateway:tracing": tracing}).one("end-to-end-proof").inputs["tunnels"].keys()
        for tracing in ("true", "false")
    }
    assert ways["false"] == {"langfuse-gateway.internal:4000"} < ways["true"]

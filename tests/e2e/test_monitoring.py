"""For each alert: the fault made for real, the alert that fires, its fix, and that it is over; on a whole stack."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import yaml

from checks.base import CheckFailedError
from checks.clickhouse_login import Login
from checks.trace import Gateway, PublicApi, new_user_id, request
from ops.backup.access import GATE
from tests.checks.clickhouse_session import session_with
from tests.e2e.stack import TestStack, free_ports, new_stack
from tests.monitoring.test_rules import NAMES
from tests.standin.docker_cli import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.soak, pytest.mark.timeout(1800)]

FILES = Path(__file__).with_name("files")
RECEIVER = "receiver"
LIMITS: Mapping[str, float] = {
    "waiting_jobs": 3,
    "parts_percent": 8,
    "connections_percent": 60,
    "backup_age_hours": 0.05,
    "secret_age_days": 0.003,
    "watch_silent_seconds": 45,
}
"""Such that a fault of seconds is one."""
BALLAST_PERCENT = 2
FIRE_SECONDS, OVER_SECONDS = 360, 720
"""The longest: Langfuse tries refused deletions again every ten minutes."""
OF_THE_MACHINE = {"DiskFilling:clickhouse", "DiskFilling:minio"}


@dataclass(frozen=True)
class Monitored:
    """A stack with monitoring, and what its alerts are sent to."""

    stack: TestStack
    outputs: Mapping[str, Any]
    certificates: Path

    def prometheus(self, path: str, **parameters: str) -> httpx.Response:
        """What Prometheus answers."""
        url = f"http://127.0.0.1:{self.stack.config['monitoring:prometheusPort']}/api/v1/{path}"
        return httpx.get(url, params=parameters)

    def watched(self) -> bool:
        """Whether `watch` has reported."""
        answer = self.prometheus("query", query='push_time_seconds{job="langfuse-watch"}')
        return bool(answer.json()["data"]["result"])

    def firing(self) -> set[str]:
        """Alerts that fire now, each with what it is about."""
        answer = self.prometheus("alerts")
        alerts = [alert["labels"] for alert in answer.json()["data"]["alerts"] if alert["state"] == "firing"]
        about = ("queue", "secret", "store", "address", "service")
        return {
            ":".join([labels["alertname"], *[labels[name] for name in about if name in labels][:1]])
            for labels in alerts
        }

    def posted(self, status: str) -> set[str]:
        """Names of alerts that the receiver was sent."""
        lines = self.stack.docker("logs", f"{self.stack.instance}-{RECEIVER}").splitlines()
        bodies = [json.loads(line) for line in lines if line.startswith("{")]
        return {
            entry["labels"]["alertname"] for body in bodies for entry in body["alerts"] if entry["status"] == status
        }

    @property
    def clickhouse(self) -> Login:
        """The operator's login."""
        state = json.loads(self.stack.shell("pulumi", "stack", "export", "--show-secrets", "--stack", "test").output)
        [gate] = [entry for entry in state["deployment"]["resources"] if entry["urn"].endswith(f"::{GATE}")]
        password = json.loads(gate["outputs"]["admin_password"]["plaintext"])
        return Login(gate["outputs"]["http_address"], gate["outputs"]["admin_user"], password, "default")


def certificate(path: Path, days: int) -> None:
    """A certificate that ends in so many days, with its key."""
    subject = ["-subj", "/CN=receiver", "-days", str(days), "-keyout", str(path), "-out", f"{path}.crt"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject], check=True, capture_output=True
    )
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())


def receive(stack: TestStack, pem: Path) -> None:
    """Start what alerts are posted to, beside the stack."""
    name, image = f"{stack.instance}-{RECEIVER}", stack.outputs()["images"]["litellm"]["image"]
    network = ("--network", stack.instance, "--network-alias", RECEIVER)
    command = ("/receiver.py", "/receiver.pem")
    stack.docker(
        "create",
        "--name",
        name,
        *network,
        "--entrypoint=python3",
        image,
        *command,
    )
    for source, target in ((FILES / "receiver.py", "receiver.py"), (pem, "receiver.pem")):
        stack.docker("cp", "-q", str(source), f"{name}:/{target}")
    stack.docker("start", name)


@pytest.fixture(scope="module")
def monitored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitored]:
    stack = new_stack(tmp_path_factory.mktemp("monitored"))
    room = os.statvfs(stack.docker("info", "--format", "{{.DockerRootDir}}"))
    used = 100 * (1 - room.f_bavail / (room.f_blocks - room.f_bfree + room.f_bavail))
    ports = dict(zip(("prometheus", "alertmanager", "pushgateway"), free_ports(3), strict=True))
    stack.configure(
        **{f"monitoring__{name}Port": port for name, port in ports.items()},
        monitoring__enabled=True,
        monitoring__intervalSeconds=1,
        monitoring__webhookUrl=f"http://{RECEIVER}:8000/",
        monitoring__limits={**LIMITS, "disk_percent": used + BALLAST_PERCENT / 2},
        minio__publicUrl=f"https://{RECEIVER}:8443",
        gateway__providerKeys={"BROKEN_KEY": "none"},
        gateway__models=[
            {
                "name": "broken",
                "model": "openai/broken",
                "apiBase": f"http://{RECEIVER}:9/v1",
                "apiKeyEnv": "BROKEN_KEY",
                "params": {"num_retries": 0},
            }
        ],
    )
    pem = stack.folder / "receiver.pem"
    certificate(pem, 3)
    try:
        assert stack.ops("inventory").code == 0
        run = stack.ops("up")
        assert run.code == 0, run.output
        receive(stack, pem)
        yield Monitored(stack, stack.outputs(), pem)
    finally:
        # Without the stack's label, which every command takes for a container of another stack.
        subprocess.run(["docker", "rm", "--force", f"{stack.instance}-{RECEIVER}"], check=False, capture_output=True)
        stack.remove()


@contextmanager
def watching(stack: TestStack) -> Iterator[None]:
    """With `watch` beside it, as it is meant to be."""
    with stack.started("watch", "--every", "10"):
        yield


@contextmanager
def waiting_jobs(to: Monitored) -> Iterator[None]:
    assert to.stack.ops("stop", "langfuse-worker").code == 0
    gateway = Gateway(to.outputs["gateway_url"], to.outputs["gateway_master_key"])
    for _ in range(8):
        gateway.call_smoke(new_user_id())
        time.sleep(1)  # those that finish together are sent as one job
    yield
    assert to.stack.ops("start", "langfuse-worker").code == 0


@contextmanager
def failed_job(to: Monitored) -> Iterator[None]:
    worker = to.stack.container("langfuse-worker")
    to.stack.docker("cp", "-q", str(FILES / "bogus_job.py"), f"{worker}:/bogus_job.py")
    to.stack.docker("exec", worker, "python3", "/bogus_job.py", "add")
    yield
    to.stack.docker("exec", worker, "python3", "/bogus_job.py", "clean")


@contextmanager
def refused_deletion(to: Monitored) -> Iterator[None]:
    user = new_user_id()
    Gateway(to.outputs["gateway_url"], to.outputs["gateway_master_key"]).call_smoke(user)
    keys = (to.outputs["langfuse_public_key"], to.outputs["langfuse_secret_key"])
    api = PublicApi(to.outputs["langfuse_url"], *keys, "/api/public/traces?userId={user_id}&limit=1")
    trace = eventually(lambda: api.find_trace(user))
    url = f"{to.outputs['langfuse_url']}/api/public/traces"
    assert request("DELETE", url, "", auth=keys, json={"traceIds": [trace]}).status_code == 200
    yield
    settings = yaml.safe_load(to.stack.config_file.read_text())  # a rotation may have written into them
    settings["config"]["langfuse:deletions"] = True
    to.stack.config_file.write_text(yaml.safe_dump(settings))
    allowed = to.stack.ops("up")
    assert allowed.code == 0, allowed.output


@contextmanager
def full_disk(to: Monitored) -> Iterator[None]:
    room = os.statvfs(to.stack.docker("info", "--format", "{{.DockerRootDir}}"))
    ballast = room.f_blocks * room.f_frsize * BALLAST_PERCENT // 100
    volume = f"{to.stack.instance.replace('-', '_')}_minio_data"

    def beside(*command: str) -> None:
        options = ("--rm", "--network=none", f"--volume={volume}:/data", "--workdir=/data", "--entrypoint=/usr/bin/env")
        to.stack.docker("run", *options, to.outputs["images"]["litellm"]["image"], *command)

    beside("fallocate", "--length", str(ballast), ".ballast")
    try:
        yield
    finally:
        beside("rm", ".ballast")


@contextmanager
def many_parts(to: Monitored) -> Iterator[None]:
    with session_with(to.clickhouse) as session:
        session.run("CREATE TABLE default.many_parts (id UInt64) ENGINE = MergeTree ORDER BY id")
        session.run("SYSTEM STOP MERGES default.many_parts")
        for _ in range(90):
            session.run("INSERT INTO default.many_parts VALUES (1)")
        yield
        session.run("SYSTEM START MERGES default.many_parts")
        session.run("OPTIMIZE TABLE default.many_parts FINAL")


@contextmanager
def refused_memory(to: Monitored) -> Iterator[None]:
    greedy = "SELECT number, count() FROM numbers(1000000) GROUP BY number SETTINGS max_memory_usage = 1000000"
    with session_with(to.clickhouse) as session, pytest.raises(Exception, match="MEMORY_LIMIT_EXCEEDED"):
        session.run(greedy)
    yield


@contextmanager
def many_connections(to: Monitored) -> Iterator[None]:
    state = json.loads(to.stack.shell("pulumi", "stack", "export", "--show-secrets", "--stack", "test").output)
    [schema] = [entry for entry in state["deployment"]["resources"] if entry["urn"].endswith("::langfuse-schema")]
    url = json.loads(schema["outputs"]["admin_url"]["plaintext"]).partition("?")[0]
    with ExitStack() as opened:
        for _ in range(65):
            opened.enter_context(psycopg.connect(url))
        yield


@contextmanager
def failing_calls(to: Monitored) -> Iterator[None]:
    key = {"Authorization": f"Bearer {to.outputs['gateway_master_key']}"}
    body = {"model": "broken", "messages": [{"role": "user", "content": "x"}]}

    def fails() -> bool:
        with suppress(CheckFailedError):
            request("POST", f"{to.outputs['gateway_url']}/v1/chat/completions", "", headers=key, json=body)
        return "GatewayErrors" in to.firing()

    assert eventually(fails, seconds=FIRE_SECONDS)
    yield


@contextmanager
def old_backup(to: Monitored) -> Iterator[None]:
    with watching(to.stack):
        yield
        assert to.stack.ops("backup").code == 0
        eventually(lambda: "BackupOld" not in to.firing(), seconds=OVER_SECONDS)


@contextmanager
def old_secret(to: Monitored) -> Iterator[None]:
    with watching(to.stack):
        yield
        rotated = to.stack.ops("rotate", "redis-password")
        assert rotated.code == 0, rotated.output
        eventually(lambda: "SecretOld:redis-password" not in to.firing(), seconds=OVER_SECONDS)


@contextmanager
def ending_certificate(to: Monitored) -> Iterator[None]:
    yield
    certificate(to.certificates, 90)
    name = f"{to.stack.instance}-{RECEIVER}"
    to.stack.docker("cp", "-q", str(to.certificates), f"{name}:/receiver.pem")
    to.stack.docker("restart", "--time=0", name)


@contextmanager
def silent_watch(to: Monitored) -> Iterator[None]:
    with watching(to.stack):
        eventually(lambda: "WatchSilent" not in to.firing(), seconds=OVER_SECONDS)
    yield
    with watching(to.stack):
        eventually(lambda: "WatchSilent" not in to.firing(), seconds=OVER_SECONDS)


@contextmanager
def stopped_service(to: Monitored) -> Iterator[None]:
    assert to.stack.ops("stop", "langfuse-web").code == 0
    yield
    assert to.stack.ops("start", "langfuse-web").code == 0


Fault = Callable[[Monitored], Any]
FAULTS: Mapping[str, Fault] = {
    "CertificateExpiring:receiver:8443": ending_certificate,
    "ServiceUnreachable:langfuse-web": stopped_service,
    "QueueWaiting:otel-ingestion-queue": waiting_jobs,
    "JobsFailed:otel-ingestion-queue": failed_job,
    "DiskFilling:minio": full_disk,
    "PartsMany:clickhouse": many_parts,
    "MemoryRefused:clickhouse": refused_memory,
    "ConnectionsMany": many_connections,
    "GatewayErrors": failing_calls,
    "WatchSilent": silent_watch,
    "BackupOld": old_backup,
    "SecretOld:redis-password": old_secret,
    "DeletionsRefused:trace-delete": refused_deletion,
}


def test_every_alert_has_a_fault() -> None:
    assert {alert.partition(":")[0] for alert in FAULTS} == set(NAMES)


@pytest.mark.parametrize("alert", FAULTS)
def test_an_alert_fires_when_its_fault_is_made_and_is_over_when_that_is_mended(
    alert: str, monitored: Monitored
) -> None:
    began = time.monotonic()
    with FAULTS[alert](monitored):
        eventually(lambda: alert in monitored.firing(), seconds=FIRE_SECONDS)
        fired = time.monotonic()
        eventually(lambda: alert.partition(":")[0] in monitored.posted("firing"), seconds=OVER_SECONDS)
    mended = time.monotonic()
    eventually(lambda: alert not in monitored.firing(), seconds=OVER_SECONDS)
    sys.stdout.write(
        f"{alert}: fired after {fired - began:.0f} s, over {time.monotonic() - mended:.0f} s after the fix\n"
    )


def test_a_run_that_changes_nothing_has_nothing_to_change(monitored: Monitored) -> None:
    again = monitored.stack.ops("preview", "--expect-no-changes")
    assert again.code == 0, again.output


def test_what_is_over_is_posted_too(monitored: Monitored) -> None:
    names = {alert.partition(":")[0] for alert in FAULTS}
    assert monitored.posted("resolved") <= names
    assert {"ServiceUnreachable", "QueueWaiting", "JobsFailed"} <= monitored.posted("resolved")


@pytest.mark.timeout(900)
def test_healthy_load_raises_no_alert(tmp_path: Path) -> None:
    stack = new_stack(tmp_path)
    ports = dict(zip(("prometheus", "alertmanager", "pushgateway"), free_ports(3), strict=True))
    stack.configure(
        **{f"monitoring__{name}Port": port for name, port in ports.items()},
        monitoring__enabled=True,
        monitoring__intervalSeconds=1,
    )
    try:
        assert stack.ops("inventory").code == 0
        run = stack.ops("up")
        assert run.code == 0, run.output
        to = Monitored(stack, stack.outputs(), tmp_path)
        gateway = Gateway(to.outputs["gateway_url"], to.outputs["gateway_master_key"])
        with watching(stack):
            eventually(lambda: to.firing() <= OF_THE_MACHINE, seconds=OVER_SECONDS)
            until = time.monotonic() + 240  # an hour at the usual interval
            while time.monotonic() < until:
                gateway.call_smoke(new_user_id())
                assert to.firing() <= OF_THE_MACHINE
                time.sleep(0.5)
        assert stack.ops("watch", "--once", "--json").json["unseen"] == []
    finally:
        stack.remove()

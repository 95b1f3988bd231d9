"""The examples, as a user runs them against a stack."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ops.session import ROOT
from tests.e2e.stack import TestStack, free_ports

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

CHAT = ROOT / "examples" / "chat"
SECONDS = 30


@pytest.fixture
def chat(stack: TestStack, tmp_path: Path) -> Iterator[str]:
    """Address of the example, run with nothing but the file that `ops env` writes."""
    [port] = free_ports(1)
    file = tmp_path / "app.env"
    wrote = stack.ops("env", "--file", str(file))
    assert wrote.code == 0, wrote.output
    variables = dict(line.split("=", 1) for line in file.read_text().splitlines())
    log = tmp_path / "log"
    argv = ["-m", "uvicorn", "--app-dir", str(CHAT), "app:app", "--port", str(port)]
    stage_zero = [sys.executable, str(ROOT / "toolchain" / "venv.py"), "--lock", str(CHAT / "requirements.lock")]
    with (
        log.open("w") as output,
        subprocess.Popen(
            [*stage_zero, *argv], env={**os.environ, **variables}, stdout=output, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            deadline = time.monotonic() + 300
            while "Application startup complete" not in log.read_text():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def test_the_spans_of_the_application_and_of_the_gateway_are_one_trace(stack: TestStack, chat: str) -> None:
    answer = httpx.post(f"{chat}/chat", json={"text": "ping", "user": "jane"}, timeout=60)
    assert answer.status_code == httpx.codes.OK, answer.text
    assert answer.json()["text"] == "pong"

    env = stack.outputs()["gateway_env"]
    keys = (env["LANGFUSE_PUBLIC_KEY"], env["LANGFUSE_SECRET_KEY"])
    found: dict[str, str | None] = {}
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and not {"answer", "retrieve", "GENERATION"} <= found.keys():
        page = httpx.get(
            f"{env['LANGFUSE_BASE_URL']}/api/public/observations",
            params={"traceId": answer.json()["trace_id"]},
            auth=keys,
            timeout=20,
        ).json()
        spans = {span["id"]: span for span in page.get("data", [])}
        found = {span["name"]: span["parentObservationId"] for span in spans.values()}
        found |= {span["type"]: span["parentObservationId"] for span in spans.values()}
        time.sleep(0.5)
    assert {"answer", "retrieve", "GENERATION"} <= found.keys()
    assert found["answer"] is None
    assert spans[found["retrieve"] or ""]["name"] == "answer"
    assert spans[found["GENERATION"] or ""]["id"] in spans


def test_another_stack_reads_the_outputs_and_keeps_the_secrets_secret(stack: TestStack, tmp_path: Path) -> None:
    project = tmp_path / "consumer"
    shutil.copytree(ROOT / "examples" / "consumer", project)
    pulumi = ("pulumi", "--cwd", str(project), "--non-interactive")
    made = stack.shell(*pulumi, "stack", "init", "dev")
    assert made.code == 0, made.output
    try:
        stack.shell(*pulumi, "config", "set", "langfuse-stack", "organization/langfuse-stack/test", "--stack", "dev")
        ran = stack.shell("env", "-u", "PULUMI_OPTION_POLICY_PACK", *pulumi, "up", "--yes", "--stack", "dev")
        assert ran.code == 0, ran.output
        shown = json.loads(stack.shell(*pulumi, "stack", "output", "--json", "--stack", "dev").output)
    finally:
        stack.shell(*pulumi, "stack", "rm", "--yes", "--force", "--stack", "dev")
    assert shown == {"environment": "[secret]", "langfuse_url": stack.outputs()["langfuse_url"]}


def test_an_own_policy_is_enforced_beside_those_of_the_program(stack: TestStack) -> None:
    own = ("--policy-pack", str(ROOT / "examples" / "own-policy"))
    settings = ("--config-file", str(stack.config_file), "--stack", "test")
    ran = stack.shell("pulumi", "preview", *own, *settings, "--non-interactive")
    assert ran.code != 0
    assert "image-from-own-registry" in ran.output
    assert "push it to registry.example.com/" in ran.output


def test_components_work_in_a_program_of_their_own(stack: TestStack, tmp_path: Path) -> None:
    project, instance = tmp_path / "component", f"{stack.instance}-own"
    shutil.copytree(ROOT / "examples" / "component", project)
    source = tmp_path / "checkout"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "artifacts", "build", "site", "__pycache__"))
    _with_the_package(project / ".venv", source)
    pulumi = ("env", "-u", "PULUMI_OPTION_POLICY_PACK", "pulumi", "--cwd", str(project), "--non-interactive")
    names = ("redisPort", "clickhousePort", "clickhouseNativePort")
    config = {"instance": instance, **dict(zip(names, free_ports(3), strict=True))}
    try:
        assert stack.shell(*pulumi, "stack", "init", "dev").code == 0
        for name, value in config.items():
            stack.shell(*pulumi, "config", "set", name, str(value), "--stack", "dev")
        ran = stack.shell(*pulumi, "up", "--yes", "--skip-preview", "--stack", "dev")
        assert ran.code == 0, ran.output
        shown = json.loads(stack.shell(*pulumi, "stack", "output", "--json", "--stack", "dev").output)
        running = stack.docker("ps", "--format", "{{.Names}}", "--filter", f"name=^{instance}-").split()
    finally:
        for kind, everything in (("container", ["--all"]), ("volume", []), ("network", [])):
            named = instance.replace("-", "_") if kind == "volume" else instance
            if found := stack.docker(kind, "ls", "--quiet", *everything, "--filter", f"name={named}").split():
                stack.docker(kind, "rm", *(["--force"] if kind == "container" else []), *found)
        stack.shell(*pulumi, "stack", "rm", "--yes", "--force", "--stack", "dev")
    assert set(shown["proven"]) == {"clickhouse-gate", "redis-gate"}
    assert sorted(running) == [f"{instance}-{service}" for service in ("cache", "clickhouse", "redis")]


def _with_the_package(environment: Path, source: Path) -> None:
    """Make an environment with the package of a checkout, beside the packages that are installed already."""
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    [packages] = environment.glob("lib/python*/site-packages")
    (packages / "locked.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps", str(source)]
    subprocess.run(pip, check=True, cwd=environment)

"""Two engineers with a clone and a state folder each, and one backend that both reach: a bucket in a real MinIO."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from minio import Minio
from minio.error import MinioException
from urllib3.exceptions import HTTPError

from checks.base import CheckFailedError, until_healthy
from checks.bucket import client
from ops.stackfile import read_config
from settings import load
from tests.e2e.stack import ROOT, Run, TestStack, free_ports, kill, new_stack
from toolchain.report import Report
from toolchain.resolve import resolve

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]
USER, BUCKET = "langfuse-state", "state"
LOCKS = ".pulumi/locks/"
LOCK_SECONDS = 120


@dataclass(frozen=True)
class Engineer(TestStack):
    """Works in a clone of her own, with a state folder of her own."""

    clone: Path = ROOT
    backend: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, **self.backend}

    def ops(self, *arguments: str, seconds: float = 1800, **environment: str) -> Run:
        ran = subprocess.run(
            self.argv(*arguments),
            cwd=self.clone,
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )
        return Run(ran.returncode, ran.stdout)

    @contextmanager
    def started_in_clone(self, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
        """As `started`, in the clone; the whole session is killed if it is still there at the end."""
        with subprocess.Popen(
            self.argv(*arguments),
            cwd=self.clone,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                yield process
            finally:
                kill(process)

    def argv(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "ops", *arguments]

    def set(self, key: str, value: object) -> None:
        """Change a setting as people do, who leave the rest of the file as it is."""
        document = yaml.safe_load(self.config_file.read_text())
        document["config"][key] = value
        self.config_file.write_text(yaml.safe_dump(document))

    def switches(self) -> list[Any]:
        found: list[Any] = self.ops("status", "--json").json["switches"]
        return found


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Minio, dict[str, str]]]:
    """A MinIO of its own with an empty bucket; and the variables that lead to it."""
    stack = new_stack(tmp_path_factory.mktemp("store"))
    (port,) = free_ports(1)
    password = secrets.token_hex(16)
    image = resolve({"minio": _reference(stack)}, Report())["minio"].image
    name = f"{stack.instance}-state"
    login = {"MINIO_ROOT_USER": USER, "MINIO_ROOT_PASSWORD": password}
    argv = ["docker", "run", "-d", "--name", name, "--label", stack.label.removeprefix("label=")]
    argv += ["-p", f"127.0.0.1:{port}:9000", "-e", "MINIO_ROOT_USER", "-e", "MINIO_ROOT_PASSWORD", image]
    try:
        subprocess.run([*argv, "server", "/data"], env={**os.environ, **login}, check=True, capture_output=True)
        made = client(f"127.0.0.1:{port}", USER, password)
        until_healthy(lambda: _bucket(made), deadline_seconds=60)
        yield (
            made,
            {
                "PULUMI_BACKEND_URL": f"s3://{BUCKET}?endpoint=http://127.0.0.1:{port}&use_path_style=true&region=us-east-1",
                "PULUMI_CONFIG_PASSPHRASE": "what both of them know",
                "AWS_ACCESS_KEY_ID": USER,
                "AWS_SECRET_ACCESS_KEY": password,
            },
        )
    finally:
        subprocess.run(["docker", "rm", "--force", "--volumes", name], check=False, capture_output=True)


def _reference(stack: TestStack) -> str:
    return load(read_config(stack.config_file)).image_references["minio"]


def _bucket(store: Minio) -> None:
    try:
        if not store.bucket_exists(BUCKET):
            store.make_bucket(BUCKET)
    except (HTTPError, MinioException) as error:
        raise CheckFailedError("bucket", type(error).__name__, "wait") from None


@pytest.fixture(scope="module")
def both(
    tmp_path_factory: pytest.TempPathFactory, store: tuple[Minio, dict[str, str]]
) -> Iterator[tuple[Engineer, Engineer]]:
    """One stack, put up by the first."""
    stack = new_stack(tmp_path_factory.mktemp("ada"))
    ada = Engineer(stack.folder, stack.instance, stack.config, clone=clone(stack.folder), backend=store[1])
    folder = tmp_path_factory.mktemp("berta")
    berta = Engineer(folder, stack.instance, stack.config, clone=clone(folder), backend=store[1])
    try:
        up = ada.ops("up")
        assert up.code == 0, up.output
        # What ada commits and berta pulls.
        shutil.copy(ada.config_file, berta.config_file)
        shutil.copytree(ada.folder / "inventory", berta.folder / "inventory")
        yield ada, berta
    finally:
        stack.remove()


def clone(folder: Path) -> Path:
    """The committed files, and those that are about to be, in a folder of their own."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    files = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    target = folder / "clone"
    for name in filter(None, files):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


def test_both_see_the_same_stack_and_its_keys(both: tuple[Engineer, Engineer]) -> None:
    ada, berta = both
    assert "encryptionsalt: v1:" in ada.config_file.read_text()
    again = berta.ops("up")
    assert again.code == 0, again.output
    assert not any(word in again.output for word in (" created", " updated", " replaced", " deleted"))
    assert berta.outputs() == ada.outputs()


def test_one_runs_at_a_time(both: tuple[Engineer, Engineer], store: tuple[Minio, dict[str, str]]) -> None:
    ada, berta = both
    before = ada.names("container")
    ada.set("gateway:cacheTtlSeconds", 601)
    berta.set("gateway:cacheTtlSeconds", 602)
    with ada.started_in_clone("up") as process:
        try:
            _await_lock(store[0], process)
            _signal(process, "STOP")
            refused = berta.ops("up")
        finally:
            _signal(process, "CONT")
        output, _ = process.communicate(timeout=1800)
    assert process.returncode == 0, output
    assert refused.code == 1, refused.output
    assert "currently locked" in refused.output
    assert ada.names("container") == before


def _signal(process: "subprocess.Popen[str]", name: str) -> None:
    """To the command with its engine and plugins, which have process groups of their own in its session."""
    subprocess.run(["pkill", f"-{name}", "--session", str(process.pid)], check=False)


def _await_lock(store: Minio, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while not any(store.list_objects(BUCKET, LOCKS, recursive=True)):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_rollback_by_one_is_seen_and_undone_by_the_other(both: tuple[Engineer, Engineer]) -> None:
    ada, berta = both
    berta.config_file.write_text(ada.config_file.read_text())
    off = ada.ops("rollback")
    assert off.code == 0, off.output
    assert [switch["key"] for switch in berta.switches()] == ["gateway:tracing"]
    up = berta.ops("up")
    assert up.code == 0, up.output
    assert "SWITCHED gateway:tracing is held at false" in up.output
    assert "LANGFUSE" not in gateway(berta)
    on = berta.ops("rollback", "--undo")
    assert on.code == 0, on.output
    assert ada.switches() == []
    assert "LANGFUSE" in gateway(ada)


def gateway(engineer: Engineer) -> str:
    found = engineer.docker("inspect", "--format", "{{json .Config.Env}}", engineer.container("gateway"))
    return json.dumps(json.loads(found))


def test_who_does_not_know_the_passphrase_is_told_so_and_changes_nothing(both: tuple[Engineer, Engineer]) -> None:
    _, berta = both
    for passphrase, words in (("another", "does not open this stack"), (None, "the state is shared")):
        stranger = replace(berta, backend=dict(berta.backend))
        stranger.backend.pop("PULUMI_CONFIG_PASSPHRASE")
        if passphrase:
            stranger.backend["PULUMI_CONFIG_PASSPHRASE"] = passphrase
        run = stranger.ops("up")
        assert run.code == 1, run.output
        assert words in run.output

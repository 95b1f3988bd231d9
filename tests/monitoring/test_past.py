"""How fast a disk fills up, as a real Prometheus remembers it."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from ops.capacity import past
from ops.capacity.measurement import Growth, Unseen
from tests.monitoring.test_rules import image
from tests.standin.docker_cli import docker, eventually, free_port

pytestmark = pytest.mark.docker

DAY, STEP = 86400, 240
BEGIN = (
    "promtool tsdb create-blocks-from --quiet openmetrics /past.txt /prometheus "
    "&& exec prometheus --config.file=/config.yml --storage.tsdb.path=/prometheus"
)


def samples(store: str, days: float, used: Callable[[float], float]) -> Iterator[str]:
    """What a store used, by days before now."""
    now = time.time()
    for back in range(int(days * DAY), 0, -STEP):
        yield f'langfuse:disk_used_bytes{{store="{store}",instance="a"}} {used(-back / DAY):.0f} {now - back:.0f}\n'


@contextmanager
def remembering(folder: Path, lines: Iterator[str]) -> Iterator[str]:
    """Address of a Prometheus that has collected these samples."""
    folder.chmod(0o755)
    (folder / "past.txt").write_text("".join(lines) + "# EOF\n")
    (folder / "config.yml").write_text("")
    port = free_port()
    created = ("create", f"--publish=127.0.0.1:{port}:9090", "--entrypoint=sh", image(), "-c", BEGIN)
    container = docker(*created)
    try:
        subprocess.run(["docker", "cp", "-q", f"{folder}/.", f"{container}:/"], check=True, capture_output=True)
        docker("start", container)
        eventually(lambda: httpx.get(f"http://127.0.0.1:{port}/-/ready").is_success, seconds=60)
        yield f"127.0.0.1:{port}"
    finally:
        docker("rm", "--force", "--volumes", container)


def test_a_disk_grows_by_what_prometheus_remembers_and_two_days_are_the_least(tmp_path: Path) -> None:
    known = [
        *samples("minio", 5, lambda day: 1e9 + 5e6 * day),
        *samples("clickhouse", 1, lambda day: 1e9 + 9e6 * day),
    ]
    with remembering(tmp_path, iter(known)) as address:
        found = past.growths(address)
    minio, clickhouse = found["minio"], found["clickhouse"]
    assert isinstance(minio, Growth)
    assert minio.per_day == pytest.approx(5e6, rel=0.01)
    assert minio.basis == "Prometheus, 5 days"
    assert isinstance(clickhouse, Unseen)
    assert clickhouse.why.startswith("not enough history: 1.0 days in Prometheus") or "0.9" in clickhouse.why

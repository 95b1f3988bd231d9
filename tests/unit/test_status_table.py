"""The table of `status` at 80 columns."""

from types import SimpleNamespace
from typing import Any

import pytest

import settings
from components.releases import Image
from ops import report
from ops.terminal import Console
from platforms.docker.runtime import Container, as_missing, missing

SERVICES = ["clickhouse-keeper-3", "clickhouse-proxy", "langfuse-web-proxy", "langfuse-worker-2", "minio"]


def container(service: str, ports: tuple[int, ...], state: str = "running") -> Container:
    name = f"langfuse-{service}"
    return Container(name, name, service, "o", "sha256:1", state, "unhealthy", "2026-11-30T12:00:00Z", ports)


def test_whole_names_fit_and_only_published_ports_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    image = Image("minio:1", "sha256:1", "pulled", "2026-02-12T20-18-48Z", stand_in=True)
    monkeypatch.setattr(settings, "images", lambda *_: {"minio": image})
    found = [container(service, (19000, 19001) if service == "minio" else ()) for service in SERVICES]
    gone: dict[str, Any] = {"name": "langfuse-redis", "labels": [{"label": "x", "value": "y"}], "image": "sha256:1"}
    state = [{"type": "docker:index/container:Container", "urn": "u", "id": "gone", "outputs": gone}]
    found += [as_missing(entry["outputs"]) for entry in missing(state, found)]
    console = Console(record=True, width=80)
    session: Any = SimpleNamespace(settings=None, environment={})
    console.print(report.services_table(session, found))
    lines = console.export_text().splitlines()
    assert len(lines) == 1 + len(found), lines
    for entry, line in zip(found, lines[1:], strict=True):
        assert line.startswith(f"{entry.service} ")
    assert [line.split()[-3] for line in lines[1:-1]] == ["-", "-", "-", "-", "19000,19001"]
    assert lines[-1].split()[-3:] == ["missing", "-", "-"]
    assert lines[-2].rstrip().endswith("11-30 12:00")

"""The relay and its proxy in containers, described as the program describes them, before a web that does as told."""

import base64
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from checks.relay import Queue, queue
from checks.trace import OTLP_PATH
from components.relay import RELAY, RELAY_PROXY
from platforms.docker.client import archive
from tests.checks.containers import docker, images, plain
from tests.standin.docker_cli import eventually, free_port
from tests.unit.recorder import recorded

KEYS, KEYS_BEFORE = ("pk-lf-test", "sk-lf-test"), ("pk-lf-old", "sk-lf-old")
WEB = Path(__file__).parent / "web.py"


def basic(public_key: str, secret_key: str) -> str:
    return base64.b64encode(f"{public_key}:{secret_key}".encode()).decode()


def export(numbers: Iterator[int] | range, padding: int = 0) -> dict[str, Any]:
    """An export of the spans of these numbers, each of a trace of its own."""
    spans = [
        {
            "traceId": f"{number + 1:032x}",
            "spanId": f"{number + 1:016x}",
            "name": f"span-{number:06d}{'x' * padding}",
            "startTimeUnixNano": "1",
            "endTimeUnixNano": "2",
        }
        for number in numbers
    ]
    return {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}


@dataclass
class Rig:
    """The running relay."""

    run: str
    ports: Mapping[int, int] = field(default_factory=lambda: {inside: free_port() for inside in (4318, 8888, 3000)})
    made: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports[4318]}{OTLP_PATH}"

    @property
    def metrics_url(self) -> str:
        return f"http://127.0.0.1:{self.ports[8888]}/metrics"

    def name(self, service: str) -> str:
        return f"{self.run}-{service}"

    def create(self, service: str, image: str, plan: Mapping[str, Any], *options: str) -> None:
        """A container as `plan`, the program's own, describes it; started."""
        env = {name: value for name, _, value in (entry.partition("=") for entry in plan["envs"])}
        volumes = [f"--volume={self.run}-{mount['volumeName']}:{mount['containerPath']}" for mount in plan["volumes"]]
        user = [f"--user={plan['user']}"] if plan.get("user") else []
        docker(
            *("create", f"--name={self.name(service)}", f"--network={self.run}", f"--network-alias={service}"),
            *[f"--env={name}" for name in env],
            *(*volumes, *user, *options, image, *plan["command"]),
            env=env,
        )
        self.made.append(self.name(service))
        docker("cp", "-", f"{self.name(service)}:/", stdin=archive({f["file"]: f["content"] for f in plan["uploads"]}))
        docker("start", self.name(service))

    def start_web(self, image: str) -> None:
        published = f"--publish=127.0.0.1:{self.ports[3000]}:3000"
        plan = {"envs": [], "volumes": [], "command": ["/web.py"]}
        uploads = [{"file": "/web.py", "content": WEB.read_text(encoding="utf-8")}]
        self.create("langfuse-web", image, {**plan, "uploads": uploads}, published, "--entrypoint=python3")
        eventually(lambda: self.taken() is not None)

    def send(self, body: Mapping[str, Any], auth: tuple[str, str] | None = KEYS) -> int:
        return httpx.post(self.url, json=body, auth=auth, timeout=10, trust_env=False).status_code

    def answer(self, status: int) -> None:
        """What web answers from now on."""
        httpx.put(f"http://127.0.0.1:{self.ports[3000]}/{status}", trust_env=False).raise_for_status()

    def taken(self) -> dict[str, int]:
        """Span to how often web took it."""
        return self._web("taken")

    def asked(self) -> dict[str, int]:
        """Keys and ingestion version to how often web was asked with them."""
        return self._web("asked")

    def _web(self, path: str) -> dict[str, int]:
        return dict(httpx.get(f"http://127.0.0.1:{self.ports[3000]}/{path}", trust_env=False).json())

    def queue(self) -> Queue:
        return queue(self.metrics_url)

    def docker(self, verb: str, service: str) -> None:
        docker(*verb.split(), self.name(service))

    def ready(self) -> None:
        eventually(lambda: self.send(export(range(0))) == httpx.codes.OK, seconds=60)

    def remove(self) -> None:
        docker("rm", "--force", "--volumes", *self.made)
        docker("network", "rm", self.run)
        for volume in docker("volume", "ls", "--quiet", f"--filter=name={self.run}").split():
            docker("volume", "rm", volume)


@contextmanager
def running(config: Mapping[str, str] | None = None, *, changed: Mapping[str, str] | None = None) -> Iterator[Rig]:
    """Start the relay, and remove it in the end.

    Args:
        config: settings of the program.
        changed: texts of the collector's configuration to what stands in their place.
    """
    rig = Rig(f"relay-{secrets.token_hex(3)}")
    found = images(frozenset({"relay", "proxy", "litellm"}))
    program = recorded(config or {})
    relay, front = (plain(program.one(service).inputs) for service in (RELAY, RELAY_PROXY))
    [file] = relay["uploads"]
    text = file["content"]
    for was, now in (changed or {}).items():
        assert was in text, was
        text = text.replace(was, now)
    pairs = {"RELAY_KEYS": KEYS, "RELAY_KEYS_BEFORE": KEYS_BEFORE}
    known = [name for entry in relay["envs"] for name in [entry.partition("=")[0]]]
    envs = [f"{name}={basic(*pairs[name])}" for name in known]
    relay |= {"uploads": [{**file, "content": text}], "envs": envs}
    docker("network", "create", rig.run)
    try:
        rig.start_web(found["litellm"])
        published = [f"--publish=127.0.0.1:{rig.ports[port]}:{port}" for port in (4318, 8888)]
        rig.create(RELAY, found["relay"], relay, *published)
        rig.create(RELAY_PROXY, found["proxy"], {"volumes": [], **front, "envs": []})
        yield rig
    finally:
        rig.remove()

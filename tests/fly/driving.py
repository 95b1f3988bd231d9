"""A driver on a fake cloud in this process, and the whole order of provisioning."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from platforms.fly.__main__ import parsed
from platforms.fly.client import Client, Completed
from tests.fly.fake import faults
from tests.fly.fake.cloud import ORGANIZATION, Cloud

if TYPE_CHECKING:
    from platforms.fly.argv import Command

Answer = dict[str, Any]
KEY = "0123456789abcdef-test-key"
GUEST = {"cpu_kind": "shared", "cpus": 1, "memory_mb": 2048}


class KilledError(BaseException):
    """The driver's process ends here."""


@dataclass
class Caller:
    """Runs command lines on a cloud; keeps what it was asked."""

    cloud: Cloud = field(default_factory=Cloud)
    faults: list[dict[str, Any]] = field(default_factory=list)
    die_after: int | None = None
    asked: list[Command] = field(default_factory=list)
    stdins: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    action: str = ""

    def __call__(self, command: Command, stdin: str) -> Completed:
        self.asked.append(command)
        self.stdins.append(stdin)
        words, verb = list(command.words), command.verb
        struck = faults.due(self.cloud.state, verb, self.faults, faults.change(words), self.action)
        code, out, err = faults.call(self.cloud, words, stdin, verb, struck)
        if any(fault["kind"] == "timeout" for fault in struck):
            return Completed(None, "", "")
        if self.die_after is not None and len(self.asked) >= self.die_after:
            if verb == "deploy":
                self.cloud.state["leases"] += list(self.cloud.state["machines"])
            raise KilledError
        return Completed(code, out, err)

    def client(self, secrets: Sequence[str] = ()) -> Client:
        return Client(self, secrets, sleep=self.waits.append)

    def do(self, action: str, request: Mapping[str, Any], previous: Mapping[str, Any] | None = None) -> Answer:
        self.action, asked = action, parsed(action, json.dumps(request), json.dumps(previous or {}))
        return asked.do(self.client(asked.hidden))

    @property
    def written(self) -> list[str]:
        """The calls that can change anything."""
        return [str(command) for command in self.asked if command.call.writes]


def toml(app: str, volume: str | None = None, port: int | None = None) -> Answer:
    """A document that passes the linter."""
    document: Answer = {
        "app": app,
        "primary_region": "ord",
        "kill_signal": "SIGTERM",
        "kill_timeout": 60,
        "restart": [{"policy": "always"}],
        "env": {"PLAIN": "value"},
        "processes": {"app": ""},
        "vm": [{"memory": "2048mb", "cpus": 1, "cpu_kind": "shared"}],
    }
    if volume:
        document["mounts"] = [{"source": volume, "destination": "/data", "initial_size": "25gb", "processes": ["app"]}]
        document["files"] = [{"guest_path": "/etc/service/override.xml", "raw_value": "<yes/>\n"}]
    if port:
        awake = {"auto_stop_machines": "off", "auto_start_machines": False}
        document["http_service"] = {"internal_port": port, "processes": ["app"], **awake}
    return document


def image(name: str) -> str:
    return f"registry.example.com/{name}@sha256:{hashlib.sha256(name.encode()).hexdigest()}"


Values = Mapping[str, str]
APPS: Sequence[tuple[str, str | None, Values]] = (
    ("langfuse-clickhouse", "langfuse_clickhouse_data", {"CLICKHOUSE_PASSWORD": "canary-clickhouse&=#1"}),
    (
        "langfuse-minio",
        "langfuse_minio_data",
        {"MINIO_ROOT_PASSWORD": "canary-minio+/ 2", "MINIO_ROOT_USER": "root-user"},
    ),
    ("llm-gateway", None, {"LANGFUSE_SECRET_KEY": 'canary-gateway"3', "MANY": "canary\nof two lines"}),
)


def provision(do: Callable[..., Answer], answers: dict[str, Answer], apps: Sequence[Any] = APPS) -> None:
    """The whole order, as the engine goes through it: an answer is remembered once its action is done."""

    def step(name: str, action: str, request: Answer) -> Answer:
        answers[name] = do(action, request, answers.get(name))
        return answers[name]

    for app, volume, values in apps:
        private = volume is not None
        step(f"{app}/app", "app", {"app": app, "org": ORGANIZATION, "private": private})
        names = step(f"{app}/secrets", "secrets", {"app": app, "values": dict(values), "hmac_key": KEY})["names"]
        disk = None
        if volume:
            wanted = {"app": app, "name": volume, "region": "ord", "size_gb": 25, "snapshot_retention": 14}
            wanted["guest"] = GUEST
            disk = step(f"{app}/volume", "volume", wanted)
        request = {"app": app, "region": "ord", "image": image(app), "secrets": names, "data": private}
        request["toml"] = toml(app, volume, None if private else 4000)
        request["volume"] = {"name": disk["name"], "id": disk["id"]} if disk else None
        step(f"{app}/deploy", "deploy", request)

"""The same stack for Docker Compose, translated from what the program declared, so that neither side drifts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from checks.bucket import APP_POLICY, app_policy
from ops.session import OpsError
from ops.state import State
from platforms.docker.labels import SERVICE_LABEL
from platforms.docker.runtime import CONTAINER

SCHEMA_SQL = Path(__file__).resolve().parents[1] / "checks" / "sql" / "schema_create.sql"
TRANSLATED = {
    "image",
    "command",
    "envs",
    "healthcheck",
    "ports",
    "volumes",
    "uploads",
    "user",
    "restart",
    "stopTimeout",
    "logOpts",
    "labels",
}
WITHOUT_EFFECT = {
    "__defaults",
    "name",
    "networkMode",
    "networksAdvanced",
    "mustRun",
    "start",
    "removeVolumes",
    "waitTimeout",
    "containerReadRefreshTimeoutMilliseconds",
    "destroyGraceSeconds",
}
"""Fields that Compose has its own fixed way for, or that only say how the provider waits and removes."""


@dataclass(frozen=True)
class Declared:
    """Everything that a stack which is up declared, secrets revealed."""

    state: State

    def inputs(self, logical_name: str) -> dict[str, Any]:
        """Inputs of one resource.

        Raises:
            OpsError: the stack has none of that name.
        """
        found: dict[str, Any] = revealed(self.state.resource(logical_name)["inputs"])
        return found

    @property
    def containers(self) -> list[dict[str, Any]]:
        """Inputs of every container."""
        return [revealed(entry["inputs"]) for entry in self.state.resources if entry["type"] == CONTAINER]


def compose_document(declared: Declared) -> dict[str, Any]:
    """What `compose.yaml` adds order to: the services, and the bootstrap that the stack's data resources do.

    Raises:
        OpsError: the program declares a container in a way that is not translated here yet.
    """
    document: dict[str, Any] = {"services": {}, "volumes": {}, "configs": {}}
    for inputs in declared.containers:
        [name] = [entry["value"] for entry in inputs["labels"] if entry["label"] == SERVICE_LABEL]
        document["services"][name] = _service(name, inputs, document["volumes"], document["configs"])
    services, configs = document["services"], document["configs"]
    _at(services["postgres"], configs, "langfuse-schema", "/docker-entrypoint-initdb.d/langfuse.sql", _schema(declared))
    document["services"] |= _object_store_bootstrap(declared, services["minio"]["image"], configs)
    return document


def revealed(value: Any) -> Any:
    """A value of an exported state with its decrypted secrets in their places."""
    if isinstance(value, Mapping):
        if "plaintext" in value:
            return revealed(json.loads(value["plaintext"]))
        return {key: revealed(item) for key, item in value.items()}
    return [revealed(item) for item in value] if isinstance(value, list) else value


def _service(name: str, inputs: Mapping[str, Any], volumes: dict[str, Any], configs: dict[str, Any]) -> dict[str, Any]:
    if unknown := inputs.keys() - TRANSLATED - WITHOUT_EFFECT:
        raise OpsError(f"bench/peer.py has no translation for {', '.join(sorted(unknown))} of container {name}")
    service: dict[str, Any] = {
        "image": inputs["image"],
        "pull_policy": "never",
        "environment": {key: _literal(value) for key, _, value in (entry.partition("=") for entry in inputs["envs"])},
        "ports": [f"{port['ip']}:{port['external']:.0f}:{port['internal']:.0f}" for port in inputs["ports"]],
        "volumes": [f"{mount['volumeName']}:{mount['containerPath']}" for mount in inputs["volumes"]],
        "restart": inputs["restart"],
        "stop_grace_period": f"{inputs['stopTimeout']:.0f}s",
        "logging": {"options": inputs["logOpts"]},
    }
    if health := inputs.get("healthcheck"):
        service["healthcheck"] = {
            "test": [_literal(part) for part in health["tests"]],
            "interval": health["interval"],
            "timeout": health["timeout"],
            "retries": int(health["retries"]),
            "start_period": health["startPeriod"],
        }
    if inputs.get("user"):
        service["user"] = inputs["user"]
    if inputs.get("command"):
        service["command"] = [_literal(part) for part in inputs["command"]]
    volumes |= {mount["volumeName"]: {} for mount in inputs["volumes"]}
    for number, upload in enumerate(inputs["uploads"]):
        _at(service, configs, f"{name}-{number}", upload["file"], upload["content"])
    return service


def _schema(declared: Declared) -> str:
    from psycopg import sql

    schema = declared.inputs("langfuse-schema")
    text = sql.SQL(SCHEMA_SQL.read_text(encoding="utf-8")).format(
        role=sql.Identifier(schema["role"]),
        role_text=sql.Literal(schema["role"]),
        schema=sql.Identifier(schema["schema"]),
        database=sql.Identifier(urlsplit(schema["admin_url"]).path.lstrip("/")),
        password=sql.Literal(schema["role_password"]),
    )
    return text.as_string()


def _object_store_bootstrap(declared: Declared, image: str, configs: dict[str, Any]) -> dict[str, Any]:
    """Jobs that run `mc` once; `compose.yaml` says after what."""
    key = declared.inputs("minio-app-key")
    buckets = [f"store/{name}" for name in key["buckets"]]
    commands = {
        "minio-buckets": ["mb", "--ignore-existing", "--with-versioning", *buckets],
        "minio-policy": ["admin", "policy", "create", "store", APP_POLICY, "/policy.json"],
        "minio-user": ["admin", "user", "add", "store", key["access_key"], key["secret_key"]],
        "minio-attach": ["admin", "policy", "attach", "store", APP_POLICY, "--user", key["access_key"]],
    }
    host = f"http://{key['root_user']}:{key['root_password']}@minio:9000"
    jobs = {
        name: {"image": image, "pull_policy": "never", "entrypoint": ["mc"], "command": command}
        | {"environment": {"MC_HOST_store": host}, "healthcheck": {"disable": True}}
        for name, command in commands.items()
    }
    policy = app_policy(key["buckets"], deletions=key["deletions"])
    _at(jobs["minio-policy"], configs, "minio-policy", "/policy.json", json.dumps(policy))
    return jobs


def _at(service: dict[str, Any], configs: dict[str, Any], name: str, path: str, content: str) -> None:
    configs[name] = {"content": _literal(content)}
    service.setdefault("configs", []).append({"source": name, "target": path})


def _literal(text: str) -> str:
    """`text` as Compose must read it: a dollar sign is no variable."""
    return text.replace("$", "$$")

"""LiteLLM's configuration: what the operator brings, with what the stack needs merged in.

LiteLLM starts with almost any file and fails at the first call, so whatever cannot work here is refused by its path.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

import pulumi
import yaml

from checks.trace import SMOKE_MODEL
from components.templates import read
from platforms.spec import Platform, misplaced
from secretlike import looks_like_secret
from settings.groups import Model

FROM_ENVIRONMENT = "os.environ/"
"""How LiteLLM's configuration names an environment variable."""
MASTER_KEY = f"{FROM_ENVIRONMENT}LITELLM_MASTER_KEY"
LANGFUSE_CALLBACKS = frozenset({"langfuse", "langfuse_otel"})
CALLBACK_LISTS = ("callbacks", "success_callback", "failure_callback")
CACHE_ADDRESS = frozenset({"host", "port", "password", "url", "username", "ssl"})
OWN_VARIABLES = frozenset(
    {
        "CLICKHOUSE_URL",
        "DATABASE_HOST",
        "DATABASE_NAME",
        "DATABASE_PASSWORD",
        "DATABASE_URL",
        "DATABASE_URL_READ_REPLICA",
        "DATABASE_USER",
        "DATABASE_USERNAME",
        "DIRECT_URL",
        "LANGFUSE_HOST",
        "LANGFUSE_OTEL_HOST",
        "LANGFUSE_PUBLIC_KEY",
        "LANGFUSE_SECRET_KEY",
        "LITELLM_DATABASE_URL",
        "LITELLM_LOCAL_MODEL_COST_MAP",
        "LITELLM_MASTER_KEY",
        "MINIO_ENDPOINT",
        "OTEL_BSP_MAX_QUEUE_SIZE",
        "OTEL_BSP_SCHEDULE_DELAY",
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
        "REDIS_HOST",
        "REDIS_PASSWORD",
        "REDIS_PORT",
        "REDIS_URL",
    }
)
"""Variables of the gateway that the stack sets, and those of a database, which LiteLLM would migrate."""


class GatewayConfigError(pulumi.RunError):
    """The gateway could not run with these settings; the message lists every reason."""


def merged(
    own: Mapping[str, Any],
    *,
    models: Sequence[Model],
    callback: str | None,
    cache: Mapping[str, Any],
    variables: Mapping[str, str],
    platform: Platform,
    database: str | None = None,
    metrics: bool = False,
) -> dict[str, Any]:
    """The whole configuration.

    Args:
        own: the operator's `litellm.config.yaml`, parsed; empty for none.
        models: of the settings.
        callback: that sends calls to Langfuse; `None` without tracing.
        cache: the stack's part of `cache_params`.
        variables: the environment variables that the operator gives the gateway.
        platform: where it runs.
        database: variable with the URL of the gateway's database; `None` without one.
        metrics: whether it gives metrics to Prometheus, to whoever asks on the private network.

    Raises:
        GatewayConfigError: lists every conflict with what the stack needs, by its path.
    """
    own = {key: value for key, value in own.items() if value is not None}
    entries = [_entry(model) for model in models]
    said = {**own, "gateway:models": entries}
    problems = [*_reserved(variables), *_plain_secrets(said), *_shapes(own)]
    problems += misplaced([*variables.items(), *_leaves(said)], platform)
    problems = problems or list(_conflicts(own, callback))
    base = yaml.safe_load(read("gateway/litellm.config.yaml"))
    if not problems:
        base = _joined(base, own)
        base["model_list"] += entries
        base["litellm_settings"]["callbacks"] = _callbacks(own, callback)
        if metrics:
            counted = yaml.safe_load(read("gateway/prometheus.yaml"))
            callbacks = base["litellm_settings"]["callbacks"]
            callbacks += {counted["callback"]} - {*callbacks}
            base["litellm_settings"] = counted["settings"] | base["litellm_settings"]
        stated = base["litellm_settings"]["cache_params"]
        base["litellm_settings"]["cache_params"] = stated | {
            name: value for name, value in cache.items() if name not in stated
        }
        if database:
            base["general_settings"]["database_url"] = f"{FROM_ENVIRONMENT}{database}"
        problems = [*_names(base["model_list"]), *_unset(base, OWN_VARIABLES | variables.keys())]
    if problems:
        raise GatewayConfigError("gateway:\n" + "\n".join(f"  - {problem}" for problem in dict.fromkeys(problems)))
    return dict(base)


def _entry(model: Model) -> dict[str, Any]:
    """A model of the settings as an entry of `model_list`."""
    parameters: dict[str, Any] = {"model": model.model, **model.params}
    if model.api_base:
        parameters["api_base"] = model.api_base
    if model.api_key_env:
        parameters["api_key"] = f"{FROM_ENVIRONMENT}{model.api_key_env}"
    info = {"model_info": dict(model.model_info)} if model.model_info else {}
    return {"model_name": model.name, "litellm_params": parameters, **info}


def served(config: Mapping[str, Any]) -> list[str]:
    """Names of all models in a merged configuration."""
    return list(dict.fromkeys(str(entry["model_name"]) for entry in config["model_list"]))


def _joined(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """`own` over `base`: mappings key by key, `model_list` one after the other."""
    found = deepcopy(dict(base))
    for key, value in own.items():
        if key == "model_list":
            found[key] = [*found[key], *value]
        elif isinstance(value, Mapping) and isinstance(found.get(key), Mapping):
            found[key] = _joined(found[key], value)
        else:
            found[key] = deepcopy(value)
    return found


def _callbacks(own: Mapping[str, Any], callback: str | None) -> list[str]:
    theirs = [name for name in _section(own, "litellm_settings").get("callbacks", []) if name not in LANGFUSE_CALLBACKS]
    return [*theirs, *([callback] if callback else [])]


def _section(own: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = own.get(name)
    return found if isinstance(found, Mapping) else {}


def _reserved(variables: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(OWN_VARIABLES & variables.keys()):
        yield f"{name} is set by the stack itself: take it out of gateway:providerKeys, gateway:env or PROVIDER_KEYS"


def _conflicts(own: Mapping[str, Any], callback: str | None) -> Iterator[str]:
    """What of the operator's file contradicts what the stack needs."""
    general, lite = _section(own, "general_settings"), _section(own, "litellm_settings")
    if general.get("master_key", MASTER_KEY) != MASTER_KEY:
        yield f"general_settings.master_key must be {MASTER_KEY} or absent: the stack generates the key"
    if "database_url" in general:
        yield (
            "general_settings.database_url is set by the stack: take it out, and set gateway:database to managed, or "
            "to external with the URL in gateway:databaseUrl (--secret) or GATEWAY_DATABASE_URL of the vault"
        )
    for key in CALLBACK_LISTS:
        extra = LANGFUSE_CALLBACKS - ({callback} if key == "callbacks" else set())
        for name in sorted(name for name in extra if name in lite.get(key, ())):
            yield f"litellm_settings.{key} has {name}, which would send calls to Langfuse a second time: take it out"
    cache = _section(lite, "cache_params")
    if cache.get("type", "redis") != "redis":
        yield "litellm_settings.cache_params.type must be redis or absent: the stack's own Redis holds the cache"
    for name in sorted(CACHE_ADDRESS & cache.keys()):
        yield f"litellm_settings.cache_params.{name} is set by the stack: take it out"
    for name in sorted(OWN_VARIABLES & _section(own, "environment_variables").keys()):
        yield f"environment_variables.{name} is set by the stack: take it out"
    if "include" in own:
        yield "include names files that are not in the gateway's container: put their content into one file"


def _shapes(own: Mapping[str, Any]) -> Iterator[str]:
    for key in ("general_settings", "litellm_settings", "router_settings", "environment_variables"):
        if not isinstance(own.get(key, {}), Mapping):
            yield f"{key} must be a mapping"
    lite = _section(own, "litellm_settings")
    for key in CALLBACK_LISTS:
        named = lite.get(key, [])
        if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
            yield f"litellm_settings.{key} must be a list of names"
    if not isinstance(lite.get("cache_params", {}), Mapping):
        yield "litellm_settings.cache_params must be a mapping"
    entries = own.get("model_list", [])
    if not isinstance(entries, list):
        yield "model_list must be a list"
        return
    for number, entry in enumerate(entries):
        parameters = entry.get("litellm_params") if isinstance(entry, Mapping) else None
        if not isinstance(parameters, Mapping) or not entry.get("model_name") or not parameters.get("model"):
            yield f"model_list[{number}] needs model_name and litellm_params.model"


def _names(entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if [entry["model_name"] for entry in entries].count(SMOKE_MODEL) > 1:
        yield f"a model named {SMOKE_MODEL} is the stack's own: give yours another name"


def _plain_secrets(own: Mapping[str, Any]) -> Iterator[str]:
    """Secrets in plain text: the file is part of the state and of the container's description."""
    for path, value in _leaves(own):
        name = path.rpartition(".")[2]
        if path == "general_settings.master_key" or not isinstance(value, str) or value.startswith(FROM_ENVIRONMENT):
            continue  # another master key is a conflict of its own
        if looks_like_secret(name, value):
            yield (
                f"{path} is a secret in plain text: put it into gateway:providerKeys with --secret, or into "
                f"PROVIDER_KEYS of the vault, and write {FROM_ENVIRONMENT}NAME here"
            )


def _unset(config: Mapping[str, Any], known: frozenset[str]) -> Iterator[str]:
    for path, value in _leaves(config):
        name = value.removeprefix(FROM_ENVIRONMENT) if isinstance(value, str) else ""
        if isinstance(value, str) and value.startswith(FROM_ENVIRONMENT) and name not in known:
            yield (
                f"{path} wants {name}, which nothing sets: run `pulumi config set --secret --path "
                f"gateway:providerKeys.{name} <key>`, or put it into PROVIDER_KEYS of the vault"
            )


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{number}]")
    else:
        yield path, value

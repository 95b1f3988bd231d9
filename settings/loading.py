"""Settings from the engine's configuration; all that is wrong is said at once, with what mends it."""

import difflib
import json
from collections.abc import Iterable, Mapping
from typing import Any, cast

import pulumi
from pulumi.runtime import config as runtime_config
from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from secretlike import looks_like_secret
from settings import recorded
from settings.groups import FORMER_PLACE, Group, LangfuseSettings, StackSettings
from settings.model import GROUPS, Settings
from settings.recorded import NOTHING, Recorded
from settings.switches import SETTING as SWITCHES
from settings.switches import SwitchesError, parse

KEY = "[key]"
"""Pydantic's mark of a mapping's key in the place of an error."""
FOREIGN_NAMESPACES = frozenset({"pulumi", "docker", "random", "command"})
"""Namespaces that belong to the engine and its providers."""


class SettingsError(pulumi.RunError):
    """One or more settings are unknown, missing or malformed; the message lists all of them."""


def load(config: Mapping[str, str], before: Recorded = NOTHING) -> Settings:
    """Settings from `namespace:key` strings, as the engine hands them over.

    Args:
        config: what the settings file and the engine say.
        before: what the stack's state records. Its switches hold, unless the settings have a list of their own.

    Raises:
        SettingsError: lists every unknown or malformed setting with the command that mends it.
    """
    try:
        switches = parse(config[SWITCHES]) if SWITCHES in config else tuple(before.switches)
    except SwitchesError as error:
        raise SettingsError(str(error)) from None
    held = {**config, **{switch.key: switch.value for switch in switches}}
    by_namespace: dict[str, dict[str, str]] = {group.namespace: {} for group in GROUPS}
    problems: list[str] = []
    for full_key, value in sorted(held.items()):
        namespace, _, key = full_key.partition(":")
        if full_key == SWITCHES:
            continue
        if namespace in by_namespace:
            by_namespace[namespace][key] = value
        elif namespace not in FOREIGN_NAMESPACES:
            problems.append(_unknown(full_key))
    groups: dict[str, Group] = {}
    for group in GROUPS:
        raw = by_namespace[group.namespace]
        try:
            groups[_attribute(group)] = group.model_validate({key: _decoded(value) for key, value in raw.items()})
        except ValidationError as error:
            problems += [_problem(group.namespace, item) for item in error.errors()]
    if not problems:
        groups["langfuse"] = _keeping(cast("LangfuseSettings", groups["langfuse"]), before.organization)
        settings = Settings.model_validate({**groups, "switches": switches, "recorded": before})
        problems = _clashes(settings.published_ports)
        if not problems:
            return settings
    raise SettingsError("settings:\n" + "\n".join(f"  - {problem}" for problem in dict.fromkeys(problems)))


def _keeping(langfuse: LangfuseSettings, organization: Mapping[str, str]) -> LangfuseSettings:
    """The group with the organization that the stack has, where the settings name none.

    Raises:
        SettingsError: they name another one.
    """
    chosen = langfuse.organization
    kept = {part: value for part, value in organization.items() if part not in chosen.model_fields_set}
    result = langfuse.model_copy(update={"organization": chosen.model_copy(update=kept)})
    had, asked = organization.get("id"), result.organization.id
    if had not in {None, asked}:
        raise SettingsError(
            f"langfuse:organization.id is {asked}, and the stack was made with {had}: another id makes a second, empty "
            f"organization. Put {had} back; the name can be changed in Langfuse"
        )
    return result


def from_engine() -> Settings:
    """Settings of the running Pulumi program, with a warning for each that an operator's switch holds.

    Raises:
        SettingsError: see `load`; or the state records switches that are none.
    """
    config = {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}
    _require_secret(config)
    load(config)  # settings that are refused leave nothing in the state, and the question below leaves its provider
    try:
        before = recorded.of_engine()
    except SwitchesError as error:
        raise SettingsError(str(error)) from None
    settings = load(config, before)
    for warning in (*map(str, settings.switches), *renamed(config)):
        pulumi.log.warn(warning)
    return settings


def renamed(config: Mapping[str, str]) -> list[str]:
    """One line for each setting whose value has another name by now; the former name stays valid."""
    return [
        f"{key}: {FORMER_PLACE} is called managed now (`pulumi config set {key} managed`); nothing else changes"
        for key, value in config.items()
        if value == FORMER_PLACE and key.endswith(":place")
    ]


def _require_secret(config: Mapping[str, str]) -> None:
    for key in ("gateway:databaseUrl", "langfuse-stack:httpProxy", "langfuse-stack:httpsProxy"):
        if looks_like_secret(key, config.get(key, "")) and not runtime_config.is_config_secret(key):
            raise SettingsError(f"{key} holds a password: run `pulumi config set --secret {key} <url>`")


def _attribute(group: type[Group]) -> str:
    return "stack" if group is StackSettings else group.namespace


def _decoded(value: str) -> Any:
    if value[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def known_keys() -> list[str]:
    """Every setting there is, as `namespace:key`."""
    return [f"{group.namespace}:{to_camel(name)}" for group in GROUPS for name in group.model_fields]


REMOVED: Mapping[str, str] = {
    "langfuse:standInOnOldClickhouse": "was for tests and is no more: ClickHouse must be as new as the release asks",
}
"""Settings of earlier versions, and what became of them."""


def _unknown(full_key: str) -> str:
    if full_key in REMOVED:
        return f"{full_key} {REMOVED[full_key]} (`pulumi config rm {full_key}`)"
    known = {key.lower(): key for key in known_keys()}
    close = difflib.get_close_matches(full_key.lower(), known, n=1, cutoff=0.6)
    hint = f"; did you mean {known[close[0]]}?" if close else ""
    return f"{full_key} is not a setting{hint} (`pulumi config rm {full_key}`)"


def _problem(namespace: str, error: Any) -> str:
    path = [str(part) for part in error["loc"]]
    full_key = f"{namespace}:{path[0]}" if path else namespace
    if error["type"] == "extra_forbidden" and len(path) == 1:
        return _unknown(full_key)
    if error["type"] == "value_error":  # a message of ours, which says what to do
        return f"{full_key}: {error['ctx']['error']}"
    if len(path) == 1:
        return f"{full_key}: {error['msg']} (`pulumi config set {full_key} <value>`)"
    nested = _nested(full_key, error["loc"][1:])
    fix = f"rm --path '{nested}'" if KEY in error["loc"] else f"set --path '{nested}' <value>"
    return f"{nested}: {error['msg']} (`pulumi config {fix}`)"


def _nested(full_key: str, steps: Iterable[str | int]) -> str:
    """The path of a value inside a setting, as `pulumi config set --path` takes it."""
    return full_key + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps if step != KEY)


def _clashes(ports: Mapping[str, int]) -> list[str]:
    by_port: dict[int, list[str]] = {}
    for key, port in ports.items():
        by_port.setdefault(port, []).append(key)
    return [
        f"{' and '.join(keys)} are both {port}: give each its own port"
        for port, keys in by_port.items()
        if len(keys) > 1
    ]

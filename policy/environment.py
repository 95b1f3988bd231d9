"""Environment variables of whatever runs: a container, or a service on Fly."""

from collections.abc import Iterator, Mapping
from typing import Any

from pulumi_policy import ResourceValidationArgs, Secret

from policy import fly
from policy.values import Unknown, plain, revealed

CONTAINER = "docker:index/container:Container"


def variables(args: ResourceValidationArgs) -> dict[str, Any]:
    """All variables by name, secrets revealed. What a preview cannot know is left out: `up` asks again."""
    if args.resource_type == CONTAINER:
        return dict(_pairs(revealed(args.props).get("envs")))
    for kind, section in ((fly.SERVICE, ("toml", "env")), (fly.SECRETS, ("values",))):
        if fly.is_a(kind, args.urn):
            return dict(_section(args.props, section))
    return {}


def plain_variables(args: ResourceValidationArgs) -> dict[str, Any]:
    """Variables that are not kept secret.

    One secret makes a container's whole list secret in state and previews. Fly shows everything in a fly.toml.
    """
    if args.resource_type == CONTAINER:
        envs = plain(args.props).get("envs")
        return {} if isinstance(envs, Secret) else dict(_pairs(envs))
    return variables(args) if fly.is_a(fly.SERVICE, args.urn) else {}


def _pairs(envs: Any) -> Iterator[tuple[str, str]]:
    for entry in [] if isinstance(envs, Unknown) else envs or []:
        if isinstance(entry, str) and "=" in entry:
            name, _, value = entry.partition("=")
            yield name, value


def _section(props: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    content: Any = fly.request(props)
    if isinstance(content, Unknown):
        return
    for name in path:
        content = content.get(name) or {}
    if isinstance(content, Mapping):
        yield from content.items()

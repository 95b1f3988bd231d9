"""What can be asked of `fly` at all."""

from __future__ import annotations

import ast
import itertools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platforms.fly import argv
from platforms.fly.argv import CALLS, INSIDE, KINDS, Command
from platforms.fly.errors import ForbiddenError
from tests.fly.driving import Caller, image, toml

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCES = sorted(Path(argv.__file__).parent.rglob("*.py"))
FORBIDDEN = [
    "apps destroy",
    "destroy",
    "volumes destroy",
    "volumes delete",
    "vol rm",
    "volumes fork",
    "secrets unset",
    "secrets set",
    "machine destroy",
    "machine kill",
    "machine update",
    "machine exec",
    "scale count",
    "ips release",
    "ips allocate-v4",
    "postgres create",
    "postgres attach",
    "pg destroy",
    "tokens create org",
]
WORDS = {"destroy", "delete", "scale", "release", "postgres", "pg", "rm", "remove", "reset", "kill"}
FINE: dict[str, Any] = {
    "app": "app",
    "config": "/fly.toml",
    "cpu_kind": "shared",
    "cpus": 1,
    "image": "web@sha256:0",
    "inside": "environ",
    "local": "{port}",
    "machine": "1",
    "memory_mb": 256,
    "minutes": 10,
    "names": ["ONE", "TWO"],
    "org": "org",
    "path": "/data",
    "region": "ord",
    "remote": 3000,
    "retention": 14,
    "size_gb": 25,
    "targets": ["web.internal:3000"],
    "version": 37,
    "volume": "vol_1",
    "volume_name": "data",
}
"""A value of each kind."""


def kinds(usage: str) -> set[str]:
    return set(re.findall(r"<(\w+)>", usage))


def made(verb: str, **changed: Any) -> Command:
    """A call with a value of each kind that it needs."""
    return Command(verb, **{kind: FINE[kind] for kind in kinds(CALLS[verb].usage)} | changed)


def filled() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every call, and every command inside of a machine, with what it needs."""
    yield from ((verb, {}) for verb in CALLS if verb != "ssh console")
    for name, usage in INSIDE.items():
        yield "ssh console", {"inside": name, **{kind: FINE[kind] for kind in kinds(usage)}}


@pytest.mark.parametrize("verb", FORBIDDEN)
def test_what_destroys_cannot_be_expressed(verb: str) -> None:
    with pytest.raises(ForbiddenError):
        Command(verb, app="app")


@pytest.mark.parametrize(
    ("verb", "values"),
    [
        ("machine clone", {"attach_volume": "vol_1"}),
        ("machine clone", {"standby_for": "2"}),
        ("secrets import", {"detach": True}),
        ("deploy", {"env": "SECRET=1"}),
        ("apps list", {"access_token": "x"}),
        ("ssh console", {"command": "reboot"}),
    ],
)
def test_nothing_is_said_but_what_the_usage_has(verb: str, values: dict[str, Any]) -> None:
    made(verb)
    with pytest.raises(ForbiddenError, match="not allowed"):
        made(verb, **values)


@pytest.mark.parametrize("verb", CALLS)
def test_a_call_without_a_value_that_it_needs_is_refused(verb: str) -> None:
    for kind in kinds(CALLS[verb].usage):
        needed = {other: FINE[other] for other in kinds(CALLS[verb].usage) - {kind}}
        with pytest.raises(ForbiddenError, match=kind):
            Command(verb, **needed)


def test_a_secret_is_only_unset_for_the_next_deployment() -> None:
    assert [verb for verb in CALLS if "unset" in verb] == ["secrets unset --stage"]
    assert str(made("secrets unset --stage")) == "fly secrets unset --stage ONE TWO -a app"
    with pytest.raises(ForbiddenError, match="1 or more"):
        made("secrets unset --stage", names=[])


def test_an_image_id_is_shortened_to_what_fly_takes() -> None:
    caller = Caller()
    caller.cloud.seed_app("web")
    request = {"app": "web", "region": "ord", "toml": toml("web")}
    caller.do("deploy", {**request, "image": f"sha256:{'0' * 64}"})
    assert f" --image {'0' * 63} --local-only " in caller.written[-1]
    caller.do("deploy", {**request, "image": image("web")})
    assert f" --image {image('web')} --ha=false " in caller.written[-1]


def test_no_call_has_a_verb_or_a_flag_that_destroys() -> None:
    usages = (f"{verb} {call.usage}" for verb, call in CALLS.items())
    said = set(itertools.chain.from_iterable(re.split(r"[^\w]+", usage) for usage in (*usages, *INSIDE.values())))
    assert not said & WORDS


def test_no_source_has_a_word_that_destroys_or_starts_programs_by_itself() -> None:
    literals = {
        node.value
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert not literals & (WORDS - {"release"})  # an answer has a field of that name
    starters = {path.name for path in SOURCES if "subprocess" in path.read_text(encoding="utf-8")}
    assert starters == {"client.py"}


HOSTILE = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["-a", "--force", "a b", "a;b", "$(x)", "../x", "A", "é", "a\nb", "", "-y", "a\u0000"]),
)


PLACES = [
    (verb, values, kind)
    for verb, values in filled()
    for kind in sorted((kinds(CALLS[verb].usage) | values.keys()) - {"inside"})
]
"""Every value of every call."""


@settings(deadline=None)
@given(st.sampled_from(PLACES), HOSTILE)
def test_a_hostile_value_becomes_one_harmless_word_or_an_error(
    place: tuple[str, dict[str, Any], str], value: str
) -> None:
    verb, values, kind = place
    several = isinstance(FINE[kind], list)
    try:
        command = made(verb, **values | {kind: [value] if several else value})
    except ForbiddenError:
        return
    assert not value.startswith("-")
    words = [word for word in command.words if "\n" not in word]  # the others are scripts of ours
    assert kind == "config" or all(word.isprintable() for word in words)
    assert sum(map(len, words)) <= sum(map(len, made(verb, **values).words)) + len(value)


@pytest.mark.parametrize("size", [0, -1, 501, 10**9])
def test_sizes_have_bounds(size: int) -> None:
    for verb in ("volumes create", "volumes extend"):
        with pytest.raises(ForbiddenError, match="is no size_gb"):
            made(verb, size_gb=size)


def test_every_kind_is_used_and_every_call_but_a_tunnel_ends_in_time() -> None:
    used = set().union(*(kinds(usage) for usage in (*(call.usage for call in CALLS.values()), *INSIDE.values())))
    assert used - {"inside"} == KINDS.keys()
    assert [verb for verb, call in CALLS.items() if not call.seconds] == ["proxy"]

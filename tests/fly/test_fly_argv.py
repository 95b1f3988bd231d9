"""What can be asked of `fly` at all."""

from __future__ import annotations

import ast
import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platforms.fly import argv
from platforms.fly.errors import ForbiddenError

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCES = sorted(Path(argv.__file__).parent.rglob("*.py"))
FORBIDDEN = [
    "apps destroy a",
    "apps destroy a -y",
    "destroy a",
    "volumes destroy vol_1 -y",
    "volumes delete vol_1 -y",
    "vol rm vol_1",
    "volumes fork vol_1",
    "secrets unset NAME -a a",
    "secrets unset --stage -a a",
    "secrets unset --stage --detach NAME -a a",
    "machine clone 1 -a a --attach-volume vol_1",
    "machine clone 1 -a a --standby-for 2",
    "secrets set NAME=VALUE -a a",
    "secrets import -a a --detach",
    "machine destroy 1 --force -a a",
    "machine kill 1 -a a",
    "machine update 1 -a a",
    "machine exec 1 rm -a a",
    "ssh console -a a -C rm",
    "ssh console -a a -C reboot",
    "ssh console -q -a a",
    "ssh console -q -a -C",
    "scale count 0 -a a --yes",
    "scale count app=0 -a a",
    "ips release 1.2.3.4 -a a",
    "ips allocate-v4 -a a",
    "postgres create",
    "postgres attach a",
    "pg destroy a",
    "tokens create org",
    "apps list --json --access-token x",
    "volumes list -a a --json -t token",
    "deploy -c f -a a --image i --ha=true --yes",
    "deploy -c f -a a --image i -e SECRET=1",
]
GUEST = ("shared", 1, 256)
WORDS = {"destroy", "delete", "scale", "release", "postgres", "pg", "rm", "remove", "reset", "kill"}


@pytest.mark.parametrize("line", FORBIDDEN)
def test_what_destroys_cannot_be_expressed(line: str) -> None:
    with pytest.raises(ForbiddenError):
        argv.Command(tuple(line.split()))


def test_a_secret_is_only_unset_for_the_next_deployment() -> None:
    assert [verb for verb in argv.VERBS if "unset" in verb] == [("secrets", "unset", "--stage")]
    assert str(argv.secrets_unset("app", ["ONE", "TWO"])) == "fly secrets unset --stage ONE TWO -a app"
    with pytest.raises(ForbiddenError, match="1 or more"):
        argv.secrets_unset("app", [])


def test_an_image_id_is_shortened_to_what_fly_takes() -> None:
    command = argv.deploy("app", Path("f"), f"sha256:{'0' * 64}", wait_minutes=1, private=True)
    assert command.words[command.words.index("--image") + 1] == "0" * 63


def test_no_allowed_verb_or_flag_destroys() -> None:
    said = set(itertools.chain.from_iterable(argv.VERBS)) | {f.strip("-") for v in argv.VERBS.values() for f in v.flags}
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
    assert starters == {"process.py"}


HOSTILE = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["-a", "--force", "a b", "a;b", "$(x)", "../x", "A", "é", "a\nb", "", "-y", "a\u0000"]),
)


BUILDERS: tuple[Callable[[str], argv.Command], ...] = (
    lambda value: argv.apps_create(value, "org"),
    argv.apps_list,
    lambda value: argv.volumes_create("app", value, "ord", 1, 1, guest=GUEST),
    lambda value: argv.volumes_create("app", "name", value, 1, 1, guest=GUEST),
    lambda value: argv.volumes_create("app", "name", "ord", 1, 1, guest=(value, 1, 256)),
    lambda value: argv.volumes_extend("app", value, 1),
    lambda value: argv.snapshots("create", value),
    lambda value: argv.machine("stop", "app", value),
    lambda value: argv.machine("clone", "app", value),
    lambda value: argv.secrets_unset("app", [value]),
    lambda value: argv.leases_clear("app", value),
    argv.secrets_import,
    argv.logs,
    lambda value: argv.deploy("app", Path("f"), value, wait_minutes=1, private=True),
)


@given(HOSTILE)
def test_hostile_names_become_one_harmless_word_or_an_error(value: str) -> None:
    for build in BUILDERS:
        try:
            command = build(value)
        except ForbiddenError:
            continue
        assert not value.startswith("-")
        assert command.words.count(value) >= 1
        assert all(word.isprintable() and " " not in word for word in command.words)


@pytest.mark.parametrize("size", [0, -1, 501, 10**9])
def test_sizes_have_bounds(size: int) -> None:
    with pytest.raises(ForbiddenError, match="between"):
        argv.volumes_create("app", "name", "ord", size, 14, guest=GUEST)


def test_every_call_but_a_tunnel_ends_in_time() -> None:
    assert [verb for verb, spec in argv.VERBS.items() if not spec.seconds] == [("proxy",)]

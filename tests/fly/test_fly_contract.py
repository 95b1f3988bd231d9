"""What the real command line takes and answers: recorded from it, and held against the driver and the fake."""

import json
import re
import shlex
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from checks.tunnels import opened
from platforms.fly import replies
from platforms.fly.argv import CALLS
from platforms.fly.client import Client, run
from platforms.fly.errors import CallError, classify
from tests.fly.driving import APPS, Caller, provision
from tests.fly.fake.cloud import Cloud

FOLDER = Path(__file__).parent / "contract"
FLAGS: dict[str, str] = json.loads((FOLDER / "flags.json").read_text())
RECORDED: list[dict[str, Any]] = json.loads((FOLDER / "recorded.json").read_text())
REPLIES = {entry["about"]: entry for entry in RECORDED if "reply" in entry}
ERRORS = {entry["about"]: entry["error"][-1] for entry in RECORDED if entry.get("error")}
MODELS: dict[str, type[replies.Reply]] = {
    "apps": replies.App,
    "addresses, public": replies.Address,
    "addresses, private": replies.Address,
    "volumes": replies.Volume,
    "snapshots": replies.Snapshot,
    "secrets": replies.Secret,
    "machines": replies.Machine,
    "releases": replies.Release,
}
CLICKHOUSE, DATA, _ = APPS[0]


@pytest.fixture(scope="module")
def cloud() -> Cloud:
    """A fake on which everything of the order of provisioning exists."""
    caller = Caller()
    provision(caller.do, {})
    return caller.cloud


@pytest.mark.parametrize("verb", CALLS)
def test_every_flag_that_can_be_asked_for_exists(verb: str) -> None:
    words = [word.strip("[]").partition("=")[0] for word in f"{verb} {CALLS[verb].usage}".split()]
    asked = {word for word in words if word.startswith("-")}
    assert asked <= set(FLAGS[" ".join(word for word in verb.split() if not word.startswith("-"))].split())


@pytest.mark.parametrize("about", MODELS)
def test_every_reply_is_read(about: str) -> None:
    entry = REPLIES[about]
    assert any(entry["argv"].startswith(f"{verb} ") for verb in CALLS)
    read = replies.many(MODELS[about], json.dumps(entry["reply"], indent=4))
    assert len(read) == len(entry["reply"])
    assert all(item.model_dump(exclude_defaults=True) for item in read)


@pytest.mark.parametrize("about", MODELS)
def test_the_fake_answers_with_no_other_fields_than_the_original(about: str, cloud: Cloud) -> None:
    app = next((app for app in cloud.state["apps"] if "public" in about and cloud.state["ips"][app]), CLICKHOUSE)
    words = shlex.split(REPLIES[about]["argv"])
    if "-a" in words:
        words[words.index("-a") + 1] = app
    if about == "snapshots":
        words[3] = next(iter(cloud.state["volumes"]))
        cloud.call(["volumes", "snapshots", "create", words[3], "--json"])
    if about == "addresses, private":
        cloud.call(["ips", "allocate-v6", "--private", "-a", app])
    code, out, _ = cloud.call(words)
    assert code == 0
    assert json.loads(out)
    known = set().union(*(entry.keys() for entry in REPLIES[about]["reply"]))
    assert set().union(*(entry.keys() for entry in json.loads(out))) <= known
    replies.many(MODELS[about], out)


@pytest.mark.parametrize(
    ("about", "fix"),
    [
        ("a name that is taken", "choose another app name in fly:apps"),
        ("an organization that is not there", "set fly:organization"),
        ("a whole image id", "fly:localImages"),
    ],
)
def test_the_fake_fails_in_the_originals_words(about: str, fix: str, tmp_path: Path, cloud: Cloud) -> None:
    assert fix in classify("fly", 1, ERRORS[about]).fix
    (tmp_path / "fly.toml").write_text("app = 'x'\n")
    entry = next(entry for entry in RECORDED if entry["about"] == about)
    words = [CLICKHOUSE if word in {"langfuse-ch", "langfuse-web"} else word for word in shlex.split(entry["argv"])]
    words = [str(tmp_path / word) if word == "fly.toml" else word for word in words]
    code, _, said = cloud.call(words)
    assert code == entry["exit"]
    assert fix in classify("fly", 1, said).fix


def test_the_fake_takes_no_flag_that_the_original_does_not_have(cloud: Cloud) -> None:
    code, _, said = cloud.call(["volumes", "list", "-a", CLICKHOUSE, "--everything"])
    assert (code, said) == (1, "Error: unknown flag: --everything\n")


def test_a_local_image_becomes_one_of_the_apps_own_registry(cloud: Cloud, tmp_path: Path) -> None:
    entry = next(entry for entry in RECORDED if entry.get("image"))
    words = shlex.split(entry["argv"])
    (tmp_path / "fly.toml").write_text("app = 'langfuse-web'\nprimary_region = 'ord'\n")
    words[words.index("fly.toml")] = str(tmp_path / "fly.toml")
    cloud.seed_app("langfuse-web")
    assert cloud.call(words)[0] == entry["exit"]
    [machine] = [each for each in cloud.state["machines"].values() if each["app"] == "langfuse-web"]
    shape = re.compile(re.sub(r"[0-9A-Z]{26}$", "[0-9A-Z]{26}", re.escape(entry["image"])))
    assert shape.fullmatch(machine["config"]["image"])


@pytest.mark.parametrize("about", ["a tunnel that is not built", "a machine that is not entered"])
def test_a_way_into_the_private_network_that_fails_is_told_in_flys_own_words(about: str, tmp_path: Path) -> None:
    failing = tmp_path / "fly"
    failing.write_text(f"#!/bin/sh\necho {shlex.quote(ERRORS[about])} >&2\nexit 1\n")
    failing.chmod(0o755)
    environment = {"FLY_BIN": str(failing)}
    with pytest.raises(CallError, match="failed to WebSocket dial"):
        Client(partial(run, environment=environment))("ssh console", app="langfuse-web", inside="environ")
    reasons: dict[str, str] = {}
    with opened({"langfuse-web.internal:3000": [str(failing)]}, partly=True, seconds=5, reasons=reasons):
        assert ERRORS[about] in reasons["langfuse-web.internal:3000"]

"""Where state may live: what several machines act on has a state that they share."""

from collections.abc import Mapping
from pathlib import Path

import pulumi
import pytest

from ops.recover import exclusive
from ops.session import RefusedError, Session
from ops.stackfile import add_keys, copy_keys
from settings import load, refused_backend
from settings.recorded import NOTHING
from tests.unit.recorder import record

SHARED = ("s3://bucket?endpoint=http://127.0.0.1:1&use_path_style=true", "gs://bucket", "azblob://container")
FOLDER = "file:///home/ada/.local/state/langfuse-stack/pulumi?metadata=skip"
FLY = {"langfuse-stack:platform": "fly"}


@pytest.mark.parametrize(
    ("config", "url"),
    [
        *((FLY, url) for url in (*SHARED, "https://api.pulumi.com", None)),
        ({**FLY, "langfuse-stack:singleMachine": "true"}, FOLDER),
        ({}, FOLDER),
    ],
)
def test_it_may_live_there(config: Mapping[str, str], url: str | None) -> None:
    assert refused_backend(load(config), url) == ""


@pytest.mark.parametrize("url", [FOLDER, "file://~", "file:///mnt/share"])
def test_the_folder_of_one_machine_is_refused_with_the_ways_to_choose_another_place(url: str) -> None:
    refused = refused_backend(load(FLY), url)
    for way in ("s3://", "gs://", "azblob://", "https://api.pulumi.com", "langfuse-stack:singleMachine", url):
        assert way in refused


def test_no_command_changes_such_a_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGFUSE_STACK_STATE", str(tmp_path))
    config = tmp_path / "settings.yaml"
    config.write_text("config: {langfuse-stack:platform: fly}\n")
    session = Session("prod", {"PULUMI_BACKEND_URL": FOLDER}, config, known=NOTHING)
    with pytest.raises(RefusedError, match="langfuse-stack:singleMachine"), exclusive(session):
        pytest.fail("it went on")


def test_plain_pulumi_is_told_in_a_preview_and_refused_in_an_update(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setenv("PULUMI_BACKEND_URL", FOLDER)
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    record({**FLY, "fly:localImages": "rehearse"}, tmp_path, monkeypatch)
    assert "`up` would refuse this: the state of this stack is a folder" in "".join(said)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    with pytest.raises(pulumi.RunError, match="the state of this stack is a folder"):
        record({**FLY, "fly:localImages": "rehearse"}, tmp_path, monkeypatch)


def test_what_opens_a_shared_stack_is_added_to_its_settings_and_nothing_else_is_touched(tmp_path: Path) -> None:
    settings, made = tmp_path / "Pulumi.prod.yaml", tmp_path / "made.yaml"
    text = "# A comment.\nconfig:\n  langfuse-stack:platform: fly  # another"
    settings.write_text(text)
    made.write_text("encryptionsalt: v1:abc=:v1:def\nconfig: {langfuse-stack:platform: docker}\n")
    add_keys(settings, made)
    assert settings.read_text() == text + "\nencryptionsalt: v1:abc=:v1:def\n"
    made.write_text("encryptionsalt: another\n")
    add_keys(settings, made)
    assert settings.read_text() == text + "\nencryptionsalt: v1:abc=:v1:def\n"
    copied = tmp_path / "copied.yaml"
    copy_keys(settings, copied)
    assert copied.read_text() == "encryptionsalt: v1:abc=:v1:def\n"

"""The settings file: read as the program sees it, and never written where it is committed."""

import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.stackfile import StackFileError, read_config, read_document, remember_salt, working_text
from toolchain.paths import write_private


def copied(source: Path, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(working_text("local", read_document(source), overrides))
    return found


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LANGFUSE_STACK_STATE", str(tmp_path / "state"))
    path = tmp_path / "Pulumi.local.yaml"
    path.write_text("config:\n  langfuse:release: '3'\n  redis:port: 6380\n  langfuse:signUp: true\n")
    return path


def test_values_are_strings_as_the_engine_hands_them_over(source: Path) -> None:
    assert read_config(source) == {"langfuse:release": "3", "redis:port": "6380", "langfuse:signUp": "true"}


def test_secret_values_are_left_out(source: Path) -> None:
    source.write_text("config:\n  gateway:providerKeys:\n    secure: v1:abc\n")
    assert read_config(source) == {}


def test_a_secret_inside_a_setting_is_left_out_and_its_neighbours_stay(source: Path) -> None:
    source.write_text("""
config:
  gateway:providerKeys: {OPENAI_API_KEY: {secure: v1:abc}, PLAIN: text}
  gateway:models: [{name: a, model: openai/a, params: {api_key: {secure: v1:abc}, rpm: 9}}, {secure: v1:abc}]
""")
    assert {key: json.loads(value) for key, value in read_config(source).items()} == {
        "gateway:providerKeys": {"PLAIN": "text"},
        "gateway:models": [{"name": "a", "model": "openai/a", "params": {"rpm": 9}}],
    }


def test_structured_values_become_json(source: Path) -> None:
    source.write_text("config:\n  langfuse:organization: {id: acme, name: Acme}\n")
    assert read_config(source) == {"langfuse:organization": '{"id": "acme", "name": "Acme"}'}


def test_the_copy_carries_this_machines_salt_and_the_source_stays_as_it_is(source: Path, tmp_path: Path) -> None:
    before = source.read_text()
    made = tmp_path / "made.yaml"
    made.write_text("encryptionsalt: v1:salt\n")
    remember_salt("local", made)
    copy = copied(source)
    assert copy["encryptionsalt"] == "v1:salt"
    assert copy["config"] == yaml.safe_load(before)["config"]
    assert source.read_text() == before


def test_the_salt_outlives_every_copy(source: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.yaml"
    made.write_text("encryptionsalt: v1:salt\n")
    remember_salt("local", made)
    for _ in range(2):
        copy = copied(source, {"langfuse-stack:running": False})
    assert copy["encryptionsalt"] == "v1:salt"


def test_a_salt_that_people_put_into_their_file_is_theirs(source: Path) -> None:
    source.write_text("encryptionsalt: v1:theirs\n")
    assert copied(source)["encryptionsalt"] == "v1:theirs"


def test_overrides_last_for_one_copy(source: Path) -> None:
    stopped = copied(source, {"langfuse-stack:running": False})
    again = copied(source)
    assert stopped["config"]["langfuse-stack:running"] is False
    assert "langfuse-stack:running" not in again["config"]


@pytest.mark.parametrize("content", ["- a\n- b\n", "config: text\n", "config: [1]\n", "a: b: c\n", "\x00"])
def test_what_is_no_settings_file_is_refused_by_name(source: Path, content: str) -> None:
    source.write_text(content)
    with pytest.raises(StackFileError, match=r"Pulumi\.local\.yaml"):
        read_config(source)


def test_a_missing_file_says_how_to_name_another(tmp_path: Path) -> None:
    with pytest.raises(StackFileError, match="--config-file"):
        read_config(tmp_path / "absent.yaml")


def test_private_files_are_private_even_where_a_loose_one_was(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def full(*_args: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("toolchain.paths.os.fdopen", full)
    with pytest.raises(OSError, match="No space left"):
        write_private(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]

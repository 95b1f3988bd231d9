"""What the program tells the relay, and what applications are told of it."""

import base64
import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml

from components.relay import FOLDER, as_header, basic
from settings import SettingsError, load
from tests.checks.containers import plain
from tests.unit.recorder import record, recorded


def test_its_queue_is_on_its_volume_and_no_key_is_in_its_configuration() -> None:
    relay = plain(recorded({"relay:queueMb": "3"}).one("relay").inputs)
    [mount], [file] = relay["volumes"], relay["uploads"]
    collector = yaml.safe_load(file["content"])
    assert mount == {"containerPath": FOLDER, "volumeName": "langfuse_relay_data"}
    assert collector["extensions"]["file_storage"] == {"directory": FOLDER, "fsync": True}
    queue = collector["exporters"]["otlp_http"]["sending_queue"]
    assert (queue["storage"], queue["sizer"], queue["queue_size"]) == ("file_storage", "bytes", 3 * 1024**2)
    assert not queue["block_on_overflow"]
    keys = [entry.partition("=")[2] for entry in relay["envs"]]
    assert keys
    assert not any(key in file["content"] for key in keys)
    assert collector["extensions"]["bearertokenauth"]["tokens"] == ["${env:RELAY_KEYS}"]


def test_a_queue_that_its_volume_could_not_hold_is_refused_with_both_settings() -> None:
    assert load({"relay:volumeGb": "5", "relay:queueMb": "2500"}).relay.queue_mb == 2500
    for stated in ({"relay:queueMb": "2501"}, {"relay:volumeGb": "1"}):
        with pytest.raises(SettingsError, match=r"relay:volumeGb higher, or relay:queueMb lower"):
            load(stated)


def test_applications_are_given_the_keys_as_opentelemetry_reads_a_header_from_a_variable() -> None:
    name, _, value = as_header("cGs+c2s/==").partition("=")
    assert re.fullmatch(r"[\w%.-]+", value), "no character that a variable or a header would end at"
    assert (name, unquote(value)) == ("Authorization", "Basic cGs+c2s/==")


def test_after_a_rotation_of_the_projects_keys_the_pair_before_is_taken_too() -> None:
    once = recorded({"langfuse-stack:rotations": '{"langfuse-keys": 3}'}).env("relay")
    assert {name: base64.b64decode(pair).decode() for name, pair in once.items()} == {
        f"RELAY_KEYS{before}": f"pk-lf-hex-of-langfuse-public-key-{number}:sk-lf-result-of-langfuse-secret-key-{number}"
        for before, number in (("", 3), ("_BEFORE", 2))
    }
    assert set(recorded({}).env("relay")) == {"RELAY_KEYS"}


@pytest.mark.parametrize(
    ("before", "accepted"),
    [((), ["now"]), (("now",), ["now"]), (("old",), ["now", "old"]), (("now", "old"), ["now", "old"])],
)
def test_another_pair_in_the_vault_lets_the_relay_take_the_one_before_too(
    before: tuple[str, ...], accepted: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "vault.json"
    path.write_text(json.dumps({"LANGFUSE_PUBLIC_KEY": "pk-lf-now", "LANGFUSE_SECRET_KEY": "sk-lf-now"}))
    path.chmod(0o600)
    told = {"langfuse-stack:secrets": "vault", "langfuse-stack:vault": str(path)}
    pairs = {name: basic(f"pk-lf-{name}", f"sk-lf-{name}") for name in ("now", "old")}
    found = record(told, tmp_path, monkeypatch, relay_accepts=[pairs[name] for name in before])
    assert list(found.env("relay").values()) == [pairs[name] for name in accepted]
    kept = plain(found.recorded("relay"))["accepted"]
    assert kept == [pairs[name] for name in accepted], "the next run knows them"


def test_several_webs_are_all_behind_its_proxy() -> None:
    [file] = plain(recorded({"web:replicas": "3"}).one("relay-proxy").inputs)["uploads"]
    assert file["content"].count("    server langfuse-web") == 3

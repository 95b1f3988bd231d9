"""The fly.toml that a spec becomes, and what is refused in one."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platforms.fly.deploy import Folder
from platforms.fly.errors import FlyError
from platforms.fly.toml import Guest, document, fixed, lint, text
from platforms.spec import ExecProbe, File, HealthSpec, HttpProbe, Port, ServiceSpec
from tests.fly.driving import toml

PORT = Port("http", 8123, 8123, "clickhouse:httpPort")
DATA = ServiceSpec(
    name="clickhouse",
    image="name@sha256:1",
    ports=(PORT,),
    health=HealthSpec(HttpProbe(8123, "/ping"), interval=5, timeout=5, start_period=60),
    stop_grace=600,
    command=("server", "--path", "a b"),
    env={"CLICKHOUSE_DB": "langfuse"},
    secret_env={"CLICKHOUSE_PASSWORD": "canary-secret"},
    files=(File("/etc/x.xml", "<a>é</a>\n"), File("/etc/y", "y")),
)
MOUNT = {"source": "data", "destination": "/var/lib/clickhouse", "initial_size": "25gb", "snapshot_retention": 14}
SIZE = Guest(memory_mb=1024)


def test_a_data_service_becomes_a_private_app_with_its_volume_files_and_check() -> None:
    made = document(DATA, "ch", "ord", SIZE, mount=MOUNT, secret_files={"/etc/y": "Y_FILE"})
    lint(made, data=True, previous=None, secrets=frozenset({"Y_FILE"}))
    read = tomllib.loads(text(made))
    assert read == made
    assert "http_service" not in read
    assert "services" not in read
    assert (read["kill_signal"], read["kill_timeout"]) == ("SIGTERM", 300)
    assert read["restart"] == [{"policy": "always", "processes": ["app"]}]
    assert read["env"] == {"CLICKHOUSE_DB": "langfuse"}
    assert read["processes"] == {"app": "server --path 'a b'"}
    assert read["mounts"] == [{**MOUNT, "processes": ["app"]}]
    assert read["files"] == [
        {"guest_path": "/etc/x.xml", "raw_value": "<a>é</a>\n"},
        {"guest_path": "/etc/y", "secret_name": "Y_FILE"},
    ]
    assert read["checks"]["health"] == {
        "type": "http",
        "port": 8123,
        "path": "/ping",
        "method": "get",
        "interval": "5s",
        "timeout": "5s",
        "grace_period": "60s",
        "processes": ["app"],
    }
    assert "canary" not in text(made)


def test_a_public_service_has_https_and_never_sleeps() -> None:
    made = document(DATA, "web", "ord", SIZE, public_port=8123)
    service = made["http_service"]
    assert (service["force_https"], service["internal_port"]) == (True, 8123)
    assert (service["auto_stop_machines"], service["auto_start_machines"]) == ("off", False)
    assert service["checks"][0]["path"] == "/ping"
    lint(made, data=False, previous=None, secrets=frozenset())


def test_replicas_of_a_private_service_are_balanced_on_the_private_network_alone() -> None:
    made = document(DATA, "gw", "ord", SIZE, balanced=True)
    [service] = made["services"]
    assert "http_service" not in made
    assert (service["internal_port"], service["ports"][0]["port"]) == (8123, 8123)
    assert service["http_checks"][0]["path"] == "/ping"
    assert not any("force_https" in port for port in service["ports"])
    lint(made, data=False, previous=None, secrets=frozenset())


def test_a_longer_grace_is_asked_for_as_fly_grants_it() -> None:
    """A first start that migrates is waited for by the deployment."""
    slow = ServiceSpec("x", "i", (PORT,), HealthSpec(HttpProbe(8123, "/"), start_period=300), 10)
    made = document(slow, "x", "ord", SIZE)
    assert made["checks"]["health"]["grace_period"] == "60s"
    lint(made, data=False, previous=None, secrets=frozenset())


def test_a_probe_that_runs_inside_becomes_a_look_at_the_port() -> None:
    spec = ServiceSpec("x", "i", (PORT,), HealthSpec(ExecProbe(("true",))), 10)
    made = document(spec, "x", "ord", SIZE)
    assert made["checks"]["health"]["type"] == "tcp"
    assert made["checks"]["health"]["port"] == 8123


DATA_TOML = toml("aa", "data")
PUBLIC_TOML = toml("aa", None, 4000)
OFF = {"auto_stop_machines": "off", "auto_start_machines": False}


@pytest.mark.parametrize(
    ("document", "data", "complaint"),
    [
        ({**DATA_TOML, "kill_timeout": 301}, True, "kill_timeout"),
        ({**DATA_TOML, "kill_timeout": "60s"}, True, "kill_timeout"),
        ({**DATA_TOML, "primary_region": ""}, True, "primary_region"),
        ({**DATA_TOML, "mounts": []}, True, "needs its"),
        ({**DATA_TOML, "mounts": DATA_TOML["mounts"] * 2}, True, "one volume"),
        ({**DATA_TOML, "http_service": {"internal_port": 1, **OFF}}, True, "no public service"),
        ({**DATA_TOML, "services": [{"internal_port": 1, **OFF}]}, True, "no public service"),
        ({**PUBLIC_TOML, "http_service": {**OFF, "auto_stop_machines": "suspend"}}, False, "must be off"),
        ({**PUBLIC_TOML, "http_service": {**OFF, "auto_start_machines": True}}, False, "must stay a stop"),
        ({**PUBLIC_TOML, "http_service": {**OFF, "checks": [{"grace_period": "300s"}]}}, False, "lowers what is above"),
        ({**PUBLIC_TOML, "checks": {"health": {"grace_period": "5m"}}}, False, "lowers what is above"),
        ({**PUBLIC_TOML, "kill_signal": "SIGINT"}, False, "SIGTERM"),
        ({**PUBLIC_TOML, "restart": []}, False, "policy must be always"),
        ({**PUBLIC_TOML, "restart": [{"policy": "on-failure"}]}, False, "policy must be always"),
        ({**DATA_TOML, "deploy": {"strategy": "bluegreen"}}, True, "rolling or immediate"),
        ({**DATA_TOML, "deploy": {"release_command": "x"}}, True, "release command"),
        ({**DATA_TOML, "build": {"image": "x"}}, True, "build"),
        ({**PUBLIC_TOML, "http_service": {"internal_port": 1}}, False, "must be off"),
        ({**PUBLIC_TOML, "env": {"A": 1}}, False, "must be text"),
        ({**PUBLIC_TOML, "env": {"FLY_X": "1"}}, False, "does not allow"),
        ({**PUBLIC_TOML, "env": {"SECRET": "1"}}, False, "would win"),
        ({**PUBLIC_TOML, "files": [{"guest_path": "x", "raw_value": ""}]}, False, "absolute path"),
        ({**PUBLIC_TOML, "files": [{"guest_path": "/x"}]}, False, "one of"),
        ({**PUBLIC_TOML, "files": [{"guest_path": "/x", "secret_name": "NO"}]}, False, "does not have"),
    ],
)
def test_what_would_stop_expose_or_replace_data_is_refused(document: Any, data: bool, complaint: str) -> None:
    with pytest.raises(FlyError, match=complaint):
        lint(document, data=data, previous=None, secrets=frozenset({"SECRET"}))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"app": "bb"}, "app was aa"),
        ({"primary_region": "iad"}, "region was ord"),
        ({"mounts": []}, "now none"),
        ({"mounts": [{"source": "other", "destination": "/data"}]}, "other at /data"),
        ({"mounts": [{"source": "data", "destination": "/other"}]}, "data at /other"),
        ({"processes": {"web": ""}}, "process groups app are missing"),
    ],
)
def test_what_is_immutable_may_not_change(change: Any, complaint: str) -> None:
    with pytest.raises(FlyError, match=complaint):
        lint({**DATA_TOML, **change}, data=False, previous=fixed(DATA_TOML), secrets=frozenset())


def test_process_groups_may_be_added() -> None:
    more = {**DATA_TOML, "processes": {"app": "", "extra": "x"}}
    lint(more, data=True, previous=fixed(DATA_TOML), secrets=frozenset())


@given(st.dictionaries(st.from_regex(r"[A-Z_]{1,6}", fullmatch=True), st.text(max_size=20)), st.text(max_size=40))
def test_any_value_survives_being_written(env: dict[str, str], content: str) -> None:
    made = {**DATA_TOML, "env": env, "files": [{"guest_path": "/f", "raw_value": content}]}
    read = tomllib.loads(text(made))
    assert read["env"] == env
    assert read["files"][0]["raw_value"] == content
    assert text(json.loads(json.dumps(made, sort_keys=True))) == text(made)


def test_rendered_files_are_private_and_stand_beside_the_toml() -> None:
    folder = Folder("aa")
    written = folder.write(DATA_TOML)
    (file,) = tomllib.loads(written.read_text())["files"]
    assert file["guest_path"] == "/etc/service/override.xml"
    copy = folder.path / "0-override.xml"
    assert (file["local_path"], copy.read_text()) == (str(copy), "<yes/>\n")
    assert {path.stat().st_mode & 0o777 for path in (written, copy)} == {0o600}

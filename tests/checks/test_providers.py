"""What every check has in common: how the engine stores it, when it runs again, and that it shows no secret."""

import base64
import pickletools
from collections.abc import Iterator, Mapping
from typing import Any

import dill  # type: ignore[import-untyped]
import pytest
from pulumi.dynamic.dynamic import serialize_provider

from checks import (
    backup_key,
    bucket,
    clickhouse,
    data_keys,
    external_store,
    gateway_database,
    http,
    migrations,
    monitoring,
    relay,
    supabase,
)
from checks import redis as redis_checks
from checks.base import CheckProvider, CheckResource, DataProvider, GateClosedError
from components.minio import Buckets
from tests.checks.containers import gate_inputs, registered_checks, secret_inputs
from tests.checks.gates import SECRET_INPUTS, SECRET_URLS, assert_shows_no_secret
from tests.checks.local_server import Answer, Request, serving
from tests.unit.recorder import ROOT

MODULES = (
    backup_key,
    bucket,
    clickhouse,
    data_keys,
    external_store,
    gateway_database,
    http,
    migrations,
    monitoring,
    relay,
    supabase,
    redis_checks,
)
RESOURCES = sorted(CheckResource.__subclasses__(), key=lambda cls: cls.__name__)
PROVIDERS = [resource.provider for resource in RESOURCES]
HOLDS_DATA = {bucket.BucketProvider, data_keys.DataKeysProvider, supabase.SchemaProvider}
ASKS_NOBODY = {data_keys.DataKeysProvider}
CANARIES = (
    "canary-plain",
    "canary with/every@thing:that#urls%do?not&like",
    "canär%C3%A4y",
    "canary-line\n",
    "'; canary --",
)
"""Passwords that break parsers, and parsers that break show what they were given."""


def by_name(provider: type[CheckProvider]) -> str:
    return provider.__name__


def test_every_check_of_every_module_is_covered() -> None:
    declared = {value for module in MODULES for value in vars(module).values() if isinstance(value, type)}
    assert {cls for cls in declared if issubclass(cls, CheckProvider)} - {CheckProvider, DataProvider} == set(PROVIDERS)


@pytest.mark.parametrize("provider", PROVIDERS, ids=by_name)
def test_a_provider_is_stored_as_a_reference_to_its_class(provider: type[CheckProvider]) -> None:
    """By value, every edit of a comment would be a change, and whatever the instance holds would be state."""
    stored = serialize_provider(provider())
    assert len(stored) < 300
    names = {value for opcode, value, _ in _opcodes(stored) if "UNICODE" in opcode}
    assert names == {provider.__module__, provider.__name__}
    assert type(dill.loads(base64.b64decode(stored))) is provider  # noqa: S301 - made one line above
    assert stored == serialize_provider(provider())


def _opcodes(stored: str) -> Iterator[tuple[str, Any, int | None]]:
    for opcode, value, position in pickletools.genops(base64.b64decode(stored)):
        yield opcode.name, value, position


@pytest.mark.parametrize("name", sorted(registered_checks()))
def test_what_the_engine_stores_of_a_check_holds_none_of_its_inputs(name: str) -> None:
    inputs = gate_inputs(name)
    stored = base64.b64decode(inputs["__provider"])
    values = [value for key, value in inputs.items() if key != "__provider" and isinstance(value, str) and value]
    assert [value for value in values if value.encode() in stored] == []


SOMETIMES = {
    "clickhouse-gate": {"external"},
    "end-to-end-proof": {"public_gateway_url"},
    "gateway-gate": {"database"},
    "migration-gate": {"retake"},
    "minio-app-key": {"retired"},
}
"""Given where the server is somebody else's, where the gateway has a public address or a database, after a
run that ended before it had compared foreign schemas, and once a key was rotated: see the tests of each."""


@pytest.mark.parametrize("name", sorted(registered_checks()))
def test_the_program_gives_every_input_that_a_check_watches(name: str) -> None:
    """A key that is never given never changes: the check would silently not run again."""
    assert set(_provider_of(name).keys) - SOMETIMES.get(name, set()) <= set(gate_inputs(name))


@pytest.mark.parametrize("name", sorted(registered_checks()))
def test_every_secret_of_the_program_is_one_that_the_check_keeps_out_of_messages(name: str) -> None:
    assert secret_inputs(name) <= set(_provider_of(name).secrets)


def _provider_of(name: str) -> type[CheckProvider]:
    provider = type(dill.loads(base64.b64decode(gate_inputs(name)["__provider"])))  # noqa: S301 - made by this program
    assert issubclass(provider, CheckProvider)
    return provider


@pytest.mark.parametrize("provider", PROVIDERS, ids=by_name)
def test_a_check_runs_again_for_the_inputs_it_names_and_for_no_other(provider: type[CheckProvider]) -> None:
    olds = dict.fromkeys(provider.keys, "same") | {"result": "ok", "checked_at": "then"}
    for key in provider.keys:
        difference = provider().diff("id", olds, {**olds, key: "other"})
        assert (difference.changes, difference.replaces) == (True, [])
    other: dict[str, Any] = {
        "checked_at": "now",
        "result": None,
        "evidence": {},
        "deadline_seconds": 1,
        "anything": "else",
    }
    assert provider().diff("id", olds, {**olds, **other}).changes is False


@pytest.mark.parametrize("provider", PROVIDERS, ids=by_name)
def test_only_what_holds_data_refuses_to_be_deleted(provider: type[CheckProvider]) -> None:
    if provider not in HOLDS_DATA:
        provider().delete("id", {})
        return
    with pytest.raises(GateClosedError, match="holds data and is never deleted"):
        provider().delete("id", {})


def test_data_is_declared_as_data() -> None:
    assert {provider for provider in PROVIDERS if issubclass(provider, DataProvider)} == HOLDS_DATA


@pytest.fixture(scope="module")
def talkative() -> Iterator[str]:
    """Address of a server that refuses everything and repeats the key it was given."""

    def repeat(request: Request) -> Answer:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        key = base64.b64decode(given).decode() if scheme == "Basic" else given
        return Answer(401, f"Invalid key: {key}", {"Content-Type": "text/html"})

    with serving({"*": repeat}) as url:
        yield url.removeprefix("http://")


@pytest.mark.parametrize("canary", CANARIES)
@pytest.mark.parametrize("provider", [each for each in PROVIDERS if each not in ASKS_NOBODY], ids=by_name)
@pytest.mark.parametrize("place", ["nothing there", "a server that repeats the key"])
def test_no_message_shows_a_secret(
    provider: type[CheckProvider], canary: str, place: str, talkative: str, caplog: pytest.LogCaptureFixture
) -> None:
    address = "127.0.0.1:1" if place == "nothing there" else talkative
    inputs = _aimed_at(address, canary)
    with pytest.raises(GateClosedError) as closed:
        provider().run(inputs)
    shown = str(closed.value) + caplog.text
    assert_shows_no_secret(shown, inputs)
    assert "canary" not in shown
    assert "Traceback" not in shown
    assert closed.value.__suppress_context__


def _aimed_at(address: str, canary: str) -> Mapping[str, Any]:
    """Inputs of any check, all secrets of which are the canary."""
    url = f"postgresql://langfuse:{canary}@{address}/postgres?schema=langfuse"
    return {
        **dict.fromkeys(SECRET_INPUTS, canary),
        **dict.fromkeys(SECRET_URLS, url),
        **dict.fromkeys(("address", "http_address", "native_address", "endpoint"), address),
        **dict.fromkeys(("url", "gateway_url"), f"http://{address}"),
        **dict.fromkeys(("user", "role", "schema", "database", "name"), "langfuse"),
        "access_key": "app",
        "root_user": "root",
        "public_key": "pk-lf-1",
        "find_path": "/find/{user_id}",
        "bucket": "backups",
        "buckets": Buckets().names,
        "before": {"objects": {}, "sha256": ""},
        "ledgers": {"clickhouse": 1, "postgres": 1},
        "models": [],
        "floor": [1, 0],
        "admin_user": "langfuse_admin",
        "deletions": False,
        "event_trigger": False,
        "release": "3",
        "version": "3",
        "cluster": False,
        "watch": "x",
        "image": "x",
        "folder": str(ROOT / "tests" / "policy" / "mixed"),
        "deadline_seconds": 0,
    }

"""A manifest that is damaged is told of, and hides no other; without servers."""

import io
import json
from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from minio.error import S3Error
from typer.testing import CliRunner

from ops.backup import commands, make
from ops.backup.catalog import entries, named, newest
from ops.backup.manifest import Manifest, Part
from ops.backup.show import listing
from ops.backup.store import DamagedError, Store
from ops.commands import cli
from ops.session import OpsError
from ops.terminal import Console
from tests.backup.manifests import manifest

FIRST, SECOND, LAST = (f"2026030{day}T030000000Z-full-abcdef" for day in (1, 2, 3))


class Answer(io.BytesIO):
    """Content of an object, as MinIO's client hands it out."""

    def release_conn(self) -> None:
        """Nothing is held."""


class Bucket:
    """MinIO's client, as far as the catalog calls it."""

    def __init__(self, manifests: dict[str, bytes | None]) -> None:
        self._manifests = manifests

    def list_objects(self, _bucket: str) -> list[Any]:
        return [SimpleNamespace(object_name=f"{backup}/", is_dir=True) for backup in self._manifests]

    def get_object(self, _bucket: str, key: str) -> Answer:
        content = self._manifests[key.partition("/")[0]]
        if content is None:
            raise refusal("NoSuchKey", key)
        return Answer(content)


def refusal(code: str, key: str) -> S3Error:
    response: Any = None
    return S3Error(response, code, "no", key, "", "")


def dumped(backup: str) -> Manifest:
    return manifest(backup, Part(key=f"{backup}/postgres.dump", size=1, etag="", version="", sha256=""))


WELL = {backup: dumped(backup).model_dump_json().encode() for backup in (FIRST, SECOND, LAST)}
DAMAGED = {
    "no JSON": b"{cut sho",
    "nothing": b"",
    "no text": bytes(range(256)),
    "another document": b'{"backups": []}',
    "a field of tomorrow": WELL[LAST].replace(b'{"format":1', b'{"tomorrow":1,"format":1'),
}


def store(manifests: dict[str, bytes | None]) -> Store:
    client: Any = Bucket(manifests)
    return Store("127.0.0.1:9000", "minio:9000", "langfuse-backups", (), client)


@pytest.fixture(params=DAMAGED.values(), ids=list(DAMAGED))
def damaged(request: pytest.FixtureRequest) -> Store:
    """Three backups and one that was cut short; the last of the three is damaged."""
    return store({FIRST: WELL[FIRST], SECOND: WELL[SECOND], LAST: request.param, f"{LAST}0": None})


def test_every_backup_is_listed_and_the_damaged_one_says_so(damaged: Store) -> None:
    found = entries(damaged)
    assert [entry.id for entry in found] == [FIRST, SECOND, LAST, f"{LAST}0"]
    assert [bool(entry.manifest) for entry in found] == [True, True, False, False]
    assert [f"{entry.id}/manifest.json is not a manifest" in entry.damaged for entry in found] == [0, 0, 1, 0]


def test_the_newest_backup_is_the_newest_that_can_be_read(damaged: Store) -> None:
    assert newest(damaged) == named(damaged, None) == Manifest.model_validate_json(WELL[SECOND])


def test_a_damaged_backup_is_not_taken_by_its_name(damaged: Store) -> None:
    with pytest.raises(DamagedError, match="is not a manifest"):
        named(damaged, LAST)


def test_an_incremental_backup_is_built_on_one_that_can_be_read(
    damaged: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    class BegunError(Exception):
        """Carries what the backup was to be built on."""

    def begun(_to: Any, _backup: str, base: str | None, _progress: Any) -> Any:
        raise BegunError(base)

    monkeypatch.setattr(make, "_clickhouse", begun)
    monkeypatch.setattr(make, "_dumped", lambda *_: None)
    to: Any = SimpleNamespace(store=damaged, postgres=None, schema="langfuse", gateway=None)
    with pytest.raises(BegunError, match=SECOND):
        make.back_up(to, incremental=True)


def test_where_none_can_be_read_there_is_none() -> None:
    with pytest.raises(OpsError, match="no finished backup"):
        named(store({FIRST: b"", LAST: None}), None)


def test_a_store_that_refuses_is_no_damage() -> None:
    class Refusing(Bucket):
        def get_object(self, _bucket: str, key: str) -> Answer:
            raise refusal("AccessDenied", key)

    client: Any = Refusing({FIRST: b""})
    refusing = Store("127.0.0.1:9000", "minio:9000", "langfuse-backups", (), client)
    for call in (entries, newest):
        with pytest.raises(OpsError, match="AccessDenied") as raised:
            call(refusing)
        assert not isinstance(raised.value, DamagedError)


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Store], Any]:
    """Runs `backup --list` on a store."""
    monkeypatch.setattr(commands, "open_session", lambda *_: None)

    def run(found: Store, *options: str) -> Any:
        monkeypatch.setattr(commands, "access", lambda _: nullcontext(SimpleNamespace(store=found)))
        return CliRunner().invoke(cli, ["backup", "--list", *options])

    return run


def test_the_list_has_the_damage_and_exits_1(listed: Callable[..., Any], damaged: Store) -> None:
    told = listed(damaged, "--json")
    backups = json.loads(told.stdout)["backups"]
    assert told.exit_code == 1
    assert [entry["finished"] for entry in backups] == [True, True, False, False]
    assert [bool(entry["damaged"]) for entry in backups] == [False, False, True, False]


def test_the_list_of_sound_backups_exits_0(listed: Callable[..., Any]) -> None:
    told = listed(store({**WELL, f"{LAST}0": None}), "--json")
    assert told.exit_code == 0
    assert [entry["damaged"] for entry in json.loads(told.stdout)["backups"]] == [None] * 4


def test_the_list_says_what_is_damaged_and_what_is_not_finished(damaged: Store) -> None:
    console = Console(width=200, record=True, file=io.StringIO())
    listing(entries(damaged), console)
    lines = console.export_text().splitlines()
    assert [line.split()[-1] for line in lines if line.startswith(LAST)] == ["damaged", "finished"]
    assert lines[-1].startswith(f"✗ langfuse-backups/{LAST}/manifest.json is not a manifest (")

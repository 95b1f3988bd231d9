"""What is missing, cut short, overwritten or half made is found, and named."""

import io
import json
import os
import signal
import subprocess
import tarfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from secrets import token_hex

import httpx
import pytest

from checks.s3 import S3
from ops.backup.catalog import entries, named
from ops.backup.make import back_up
from ops.backup.manifest import Manifest
from ops.backup.restore import restore
from ops.backup.store import connect
from ops.backup.verify import problems
from ops.session import OpsError
from tests.backup.conftest import MILLION
from tests.backup.servers import World, until
from tests.checks.containers import docker

pytestmark = pytest.mark.docker


@pytest.fixture
def made(own: World) -> Manifest:
    """A backup that only this test breaks."""
    return back_up(own.access)


def data_object(world: World, made: Manifest) -> str:
    """Key of an object that holds rows."""
    return next(v.key for v in world.access.store.versions(f"{made.id}/clickhouse/data/") if v.key.endswith(".bin"))


def overwrite(world: World, key: str, content: bytes) -> None:
    """As somebody with the backup's own key could."""
    world.access.store.client.put_object(world.access.store.bucket, key, io.BytesIO(content), len(content))


def refused(world: World, made: Manifest, *, read_data: bool = False) -> list[str]:
    """What is found, which must also keep it from being restored."""
    found = problems(world.access.store, made, read_data=read_data)
    if found and not read_data:
        with pytest.raises(OpsError, match="is damaged, and was not restored"):
            restore(world.access, made, f"r_{token_hex(4)}", print)
    return found


def test_a_sound_backup_has_no_findings(own: World, made: Manifest) -> None:
    assert refused(own, made) == refused(own, made, read_data=True) == []


def test_overwritten_bytes_are_found_and_the_version_that_is_right_is_named(own: World, made: Manifest) -> None:
    key = data_object(own, made)
    content = bytearray(b"".join(own.access.store.chunks(key)))
    content[len(content) // 2] ^= 1
    [before] = list(own.access.store.versions(key))
    overwrite(own, key, bytes(content))
    assert refused(own, made) == [f"{key}: was overwritten; version {before.version} still has what was written"]


def test_an_object_of_another_bucket_that_the_backup_relies_on_is_missed(own: World) -> None:
    """Only the root user could take a version away."""
    store, [bucket, *_] = own.access.store, own.access.store.data
    key = f"gone-{token_hex(4)}"
    written = own.root.put_object(bucket, key, io.BytesIO(b"an event"), 8)
    made = back_up(own.access)
    own.root.remove_object(bucket, key)
    assert problems(store, made, read_data=True) == [], "versioning keeps it"
    own.root.remove_object(bucket, key, version_id=written.version_id)
    [problem] = problems(store, made, read_data=True)
    assert problem == f"{bucket}/{key}: its version {written.version_id}, which the backup relies on, is gone"


def test_a_byte_overwritten_in_a_backup_of_a_million_rows_is_caught_and_it_is_not_restored(filled: World) -> None:
    made, store = back_up(filled.access), filled.access.store
    assert sum(table.rows for table in made.clickhouse.tables) >= MILLION
    [largest] = sorted(store.versions(f"{made.id}/clickhouse/data/"), key=lambda version: version.size)[-1:]
    content = bytearray(b"".join(store.chunks(largest.key)))
    content[len(content) // 2] ^= 1
    overwrite(filled, largest.key, bytes(content))
    [problem] = refused(filled, made)
    assert problem == f"{largest.key}: was overwritten; version {largest.version} still has what was written"


@pytest.mark.parametrize("name", ["postgres.dump", "clickhouse.jsonl.gz", "buckets.jsonl.gz"])
def test_an_overwritten_part_is_found(own: World, made: Manifest, name: str) -> None:
    overwrite(own, f"{made.id}/{name}", b"other")
    assert any(line.startswith(f"{made.id}/{name}: was overwritten, 5 bytes instead") for line in refused(own, made))


def test_an_overwritten_manifest_is_found(own: World, made: Manifest) -> None:
    overwrite(own, f"{made.id}/manifest.json", made.model_dump_json().encode())
    assert refused(own, made) == [f"{made.id}/manifest.json: was overwritten after the backup was made"]


def test_a_truncated_object_is_found(own: World, made: Manifest) -> None:
    key = data_object(own, made)
    whole = b"".join(own.access.store.chunks(key))
    overwrite(own, key, whole[:-10])
    [line] = refused(own, made)
    assert line.startswith(f"{key}: was overwritten, {len(whole) - 10} bytes instead of {len(whole)}")


def test_a_removed_object_is_found_though_its_version_is_kept(own: World, made: Manifest) -> None:
    key = data_object(own, made)
    own.root.remove_object(own.access.store.bucket, key)
    [line] = refused(own, made)
    assert line.startswith(f"{key}: was removed; version ")


def test_an_object_that_is_gone_for_good_is_found(own: World, made: Manifest) -> None:
    key = data_object(own, made)
    [version] = list(own.access.store.versions(key))
    own.root.remove_object(own.access.store.bucket, key, version_id=version.version)
    assert refused(own, made) == [f"{key}: is missing"]


@pytest.mark.soak
def test_bytes_changed_below_the_object_store_are_found_by_reading_them(own: World, made: Manifest) -> None:
    """The bucket's list still says that all is well."""
    key = data_object(own, made)
    flip_byte(own, key)
    assert problems(own.access.store, made, read_data=False) == []
    assert refused(own, made, read_data=True) == [f"{key}: holds other bytes than were written"]


def test_damage_of_the_base_is_damage_of_what_is_built_on_it(own: World, made: Manifest) -> None:
    own.run(f"INSERT INTO {own.access.database}.traces VALUES (99999999, 'new')")
    second = back_up(own.access, incremental=True)
    assert second.base == made.id
    key = data_object(own, made)
    overwrite(own, key, b"x")
    assert refused(own, second)[0].startswith(f"{key}: was overwritten")


@pytest.mark.soak
@pytest.mark.parametrize("at", ["ClickHouse to", "Postgres", "listing the buckets"])
def test_a_backup_that_was_killed_is_not_finished_and_never_taken(own: World, made: Manifest, at: str) -> None:
    killed(own, at)
    last = entries(own.access.store)[-1]
    if at == "ClickHouse to":  # nothing was written yet
        assert last.id == made.id
    else:
        assert last.manifest is None
        with pytest.raises(OpsError, match="no finished backup"):
            named(own.access.store, last.id)
    assert named(own.access.store, None).id == made.id
    assert problems(own.access.store, back_up(own.access, incremental=True), read_data=False) == []


@pytest.mark.soak
def test_killed_at_any_moment_it_leaves_a_whole_backup_or_none(own: World, made: Manifest) -> None:
    for delay in range(40):
        killed(own, "ClickHouse to", delay / 50)
        newest = named(own.access.store, None)
        assert problems(own.access.store, newest, read_data=False) == [], delay
    assert named(own.access.store, made.id) == made


def killed(world: World, at: str, delay: float = 0) -> None:
    """Back up in a process of its own, and kill that so many seconds after it says what it is about to do."""
    heard, said = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            back_up(world.unshared(), progress=lambda doing: stay(doing, at, delay, said))
        finally:
            os._exit(0)
    os.close(said)
    with os.fdopen(heard) as lines:
        for line in lines:
            if line.startswith(at):
                break
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def stay(doing: str, at: str, delay: float, said: int) -> None:
    """Say what is being done, and stay where the kill is to hit, unless it is to hit later."""
    os.write(said, f"{doing}\n".encode())
    if doing.startswith(at) and not delay:
        time.sleep(60)


def test_backups_at_the_same_time_do_not_meet(own: World) -> None:
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda _: back_up(own.access), range(3)))
    assert len({manifest.id for manifest in made}) == 3
    assert [problems(own.access.store, manifest, read_data=False) for manifest in made] == [[], [], []]


def test_rows_that_come_in_meanwhile_do_not_make_a_backup_differ(own: World) -> None:
    table, stop = f"{own.access.database}.traces", threading.Event()

    def ingest() -> None:
        number = 10**9
        while not stop.is_set():
            own.run(f"INSERT INTO {table} SELECT number, 'x' FROM numbers({number}, 100)")
            number += 100

    writer = threading.Thread(target=ingest)
    writer.start()
    try:
        made = back_up(own.access)
    finally:
        stop.set()
        writer.join()
    assert all(entry.same for entry in restore(own.access, made, f"r_{token_hex(4)}", print))


@pytest.mark.soak
def test_a_store_that_does_not_answer_is_an_error_that_says_what_to_do(own: World) -> None:
    nowhere = replace(own.access.store, client=connect(S3("127.0.0.1:9", "key", "secret")))
    with pytest.raises(OpsError, match="`make up` starts it"):
        entries(nowhere)
    gone = replace(own.access.clickhouse.login, http_address="127.0.0.1:9")
    with pytest.raises(OpsError, match="`make up` starts it"):
        back_up(replace(own.access, clickhouse=replace(own.access.clickhouse, login=gone)))


@pytest.mark.soak
def test_a_store_without_space_is_an_error_that_says_so(own: World) -> None:
    name = f"checks-{token_hex(4)}-full"
    [facts] = json.loads(docker("inspect", own.minio.name))
    env = dict(entry.split("=", 1) for entry in facts["Config"]["Env"] if entry.startswith("MINIO_ROOT"))
    keys = [f"--env={key}" for key in env]
    plan = ["run", "--detach", f"--name={name}", "--tmpfs=/data:size=48m", "--publish=127.0.0.1::9000", *keys]
    try:
        docker(*plan, facts["Image"], "server", "/data", "--address", ":9000", env=env)
        [running] = json.loads(docker("inspect", name))
        endpoint = f"127.0.0.1:{running['NetworkSettings']['Ports']['9000/tcp'][0]['HostPort']}"
        until(lambda: httpx.get(f"http://{endpoint}/minio/health/ready", trust_env=False))
        client = connect(S3(endpoint, env["MINIO_ROOT_USER"], env["MINIO_ROOT_PASSWORD"]))
        client.make_bucket("full")
        with pytest.raises(OpsError, match="no space is left"):
            replace(own.access.store, bucket="full", client=client).put("x", io.BytesIO(bytes(64 << 20)), 64 << 20)
    finally:
        docker("rm", "--force", "--volumes", name)


def flip_byte(world: World, key: str) -> None:
    """Change what the object store keeps on its disk, so that only reading it shows."""
    folder = f"/data/{world.access.store.bucket}/{key}"
    source, target = io.BytesIO(archived(world, folder)), io.BytesIO()
    with tarfile.open(fileobj=source) as before, tarfile.open(fileobj=target, mode="w") as after:
        for entry in before:
            file = before.extractfile(entry)
            content = bytearray(file.read() if file else b"")
            if content and "part." in entry.name:
                content[-20] ^= 1
            after.addfile(entry, io.BytesIO(bytes(content)))
    docker("cp", "-", f"{world.minio.name}:{folder.rpartition('/')[0]}", stdin=target.getvalue())


def archived(world: World, folder: str) -> bytes:
    """What is in a folder of the object store's container, as an archive."""
    argv = ["docker", "cp", f"{world.minio.name}:{folder}", "-"]
    return subprocess.run(argv, capture_output=True, check=True).stdout

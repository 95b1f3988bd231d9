"""The lock of a stack's images: committed, read strictly, and required where several machines deploy the stack."""

import re
from pathlib import Path

import pytest

from ops.image_lock import refuse_unlocked, write
from ops.session import ROOT, RefusedError, Session
from ops.stackfile import read_config
from settings import load
from settings.recorded import NOTHING
from toolchain.images.lock import Locked, lock_file, read_lock
from toolchain.report import ToolchainError
from toolchain.resolve import ResolvedImage

DIGEST = f"sha256:{'d' * 64}"


def image(reference: str, digest: str | None, source: str) -> ResolvedImage:
    return ResolvedImage(reference, "sha256:2", digest, source, "1", stand_in=False, ledgers=None, migrations=None)


RESOLVED = {
    "redis": image("redis:7.2.11", DIGEST, "pulled"),
    "minio": image("minio:1", None, "built from packages: Go modules"),
}


STORES = ("clickhouse", "minio", "postgres", "redis")
EXACT = re.compile(r"[^:@]+(:\d+\.\d+(\.\d+)*|@sha256:[0-9a-f]{64})")


@pytest.mark.parametrize("stack", ["local", "prod"])
def test_the_committed_lock_has_every_service_and_no_store_floats(stack: str) -> None:
    settings = ROOT / f"Pulumi.{stack}.yaml"
    locked = read_lock(lock_file(stack, settings))
    references = load(read_config(settings), NOTHING).image_references
    assert {service: locked[service].reference for service in references} == references
    for store in STORES:
        assert EXACT.fullmatch(references[store]), references[store]
        assert locked[store].digest
    assert not any(entry.built for entry in locked.values())


def test_what_is_built_where_no_registry_answers_leaves_the_lock_alone(tmp_path: Path) -> None:
    made = session(tmp_path)
    write(made, RESOLVED)
    before = made.lock_file.read_text()
    built = {"redis": image("redis:7.2.11", None, "built from packages: Debian packages")}
    assert not write(made, built)
    assert made.lock_file.read_text() == before
    assert write(made, {"redis": image("redis:8", None, "built from packages: Debian packages")})
    assert read_lock(made.lock_file)["redis"].built == "built from packages: Debian packages"


def session(folder: Path, platform: str = "fly", **config: str) -> Session:
    file = folder / "Pulumi.prod.yaml"
    lines = [
        f"  langfuse-stack:platform: {platform}",
        *(f"  langfuse-stack:{key}: {value}" for key, value in config.items()),
    ]
    file.write_text("config:\n" + "\n".join(lines) + "\n")
    return Session("org/project/prod", {}, file, known=NOTHING)


def test_it_pins_what_a_registry_serves_and_says_what_was_built(tmp_path: Path) -> None:
    made = session(tmp_path)
    assert write(made, RESOLVED)
    assert made.lock_file == tmp_path / "images.prod.lock.yaml"
    assert read_lock(made.lock_file) == {
        "redis": Locked("redis:7.2.11", "1", DIGEST),
        "minio": Locked("minio:1", "1", built="built from packages: Go modules"),
    }
    assert "sha256:2" not in made.lock_file.read_text(), "an id of this machine alone"
    assert not write(made, RESOLVED), "twice is the same as once"


def test_where_several_machines_deploy_nothing_else_may_run(tmp_path: Path) -> None:
    made = session(tmp_path)
    with pytest.raises(RefusedError, match="make images STACK="):
        refuse_unlocked(made, RESOLVED)
    write(made, RESOLVED)
    refuse_unlocked(made, RESOLVED)
    other = {**RESOLVED, "redis": image("redis:7.2.11", None, "built")}
    with pytest.raises(RefusedError, match=r"of redis are not those of images\.prod\.lock\.yaml"):
        refuse_unlocked(made, other)


@pytest.mark.parametrize(("platform", "config"), [("docker", {}), ("fly", {"singleMachine": "true"})])
def test_one_machine_may_run_what_it_has(platform: str, config: dict[str, str], tmp_path: Path) -> None:
    refuse_unlocked(session(tmp_path, platform, **config), RESOLVED)


@pytest.mark.parametrize(
    "text",
    [
        "images: 7\n",
        "images: {redis: 7}\n",
        "[]\n",
        "images: {redis: {reference: a}}\n",
        "images: {redis: {reference: a, version: '1', digest: 'sha256:short'}}\n",
        "images: {redis: {reference: a, version: 1}}\n",
        "images: {redis: {reference: a, version: '1', image: 'sha256:1'}}\n",
        "a: b: c\n",
    ],
)
def test_what_is_no_lock_file_is_refused_by_name(text: str, tmp_path: Path) -> None:
    path = lock_file("prod", tmp_path / "Pulumi.prod.yaml")
    path.write_text(text)
    with pytest.raises(ToolchainError, match=r"images\.prod\.lock\.yaml cannot be read"):
        read_lock(path)

"""Image resolution against an engine double; pip, sockets, files and killed processes are real."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import re
import stat
import time
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from components.releases import RELEASES
from offline.images import builder, catalog, recipe
from platforms.docker import images
from platforms.docker.client import Docker, DockerError
from platforms.docker.images import LocalImage
from toolchain.images import obtain, registry
from toolchain.images.lock import Locked, read_lock
from toolchain.paths import cache_dir
from toolchain.report import Report, ToolchainError
from toolchain.resolve import known_images, resolution_file, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from offline.images.recipe import Job

ROOT = Path(__file__).resolve().parents[2]
REDIS = {"redis": "127.0.0.1:1/redis:7.2.11"}
WEB = {"langfuse-web": "127.0.0.1:1/langfuse/langfuse:3.225.4"}


@dataclass
class Engine:
    """What the Docker engine would know and do."""

    images: dict[str, LocalImage] = field(default_factory=dict)
    registry: set[str] = field(default_factory=set)
    builds: list[str] = field(default_factory=list)
    pulls: list[str] = field(default_factory=list)
    inspections: int = 0

    def add(self, name: str) -> LocalImage:
        pinned = name if "@" in name else f"{name.rpartition(':')[0]}@sha256:{'d' * 64}"
        digests = (pinned,) if name in self.registry else ()
        identity = "sha256:" + hashlib.sha256(name.encode()).hexdigest()
        image = LocalImage(identity, (name,), digests, "amd64")
        self.images[name] = self.images[identity] = image
        return image

    def inspect(self, names: Sequence[str]) -> list[LocalImage]:
        self.inspections += 1
        return [self.images[name] for name in names if name in self.images]

    def build(self, _context: Path, tag: str, _arguments: Mapping[str, str], _target: str) -> None:
        self.builds.append(tag)
        self.add(tag)

    def pull(self, reference: str, *_: object) -> None:
        self.pulls.append(reference)
        if reference not in self.registry:
            raise DockerError("127.0.0.1:1 cannot be reached")
        self.add(reference)

    def run(self, *argv: str) -> str:
        assert argv[0] == "run"
        return "Redis server v=7.0.15 sha=00000000:0"


class Instant(recipe.Kind):
    """Builds at once."""

    def prepare(self, job: Job, context: Path) -> None:
        (context / "artefact").write_text(job.tag)

    def finish(self, job: Job, context: Path) -> None:
        images.build(context, job.tag, {}, "")


class Hanging(Instant):
    """Never gets ready when HANG names a file, which it makes to say that it is half-way."""

    def prepare(self, job: Job, context: Path) -> None:
        (context / "artefact").write_text("half")
        if "HANG" in os.environ:
            Path(os.environ["HANG"]).touch()
            time.sleep(300)
        super().prepare(job, context)


class Slow(Instant):
    """Takes a while, and says each time that it was asked."""

    def prepare(self, job: Job, context: Path) -> None:
        with (cache_dir() / "prepared").open("a") as file:
            file.write("x")
        time.sleep(0.5)
        super().prepare(job, context)


def recipe_named(service: str, version: str = "7.0", kind: recipe.Kind | None = None) -> recipe.Recipe:
    return recipe.Recipe(service, "redis", version, kind or Instant(), "Debian packages")


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    double = Engine()
    monkeypatch.setenv("LANGFUSE_STACK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LANGFUSE_STACK_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(images, "inspect", double.inspect)
    monkeypatch.setattr(images, "build", double.build)
    monkeypatch.setattr(Docker, "__call__", lambda _, *argv: double.run(*argv))
    monkeypatch.setattr(images, "copy_out", lambda *_: None)
    monkeypatch.setattr(images, "facts", lambda: facts(root=str(tmp_path)))
    monkeypatch.setattr(registry.Registries, "pull", lambda _, *request: double.pull(*request))
    monkeypatch.setattr(obtain, "current_host", lambda: "unix:///var/run/docker.sock")
    monkeypatch.setattr(catalog, "_RECIPES", {"redis": recipe_named("redis")})
    return double


def facts(root: str = "/", hub: str = "https://127.0.0.1:1/v1/", proxy: str = "") -> images.EngineFacts:
    return images.EngineFacts("amd64", root, hub, (), proxy)


def test_an_image_on_the_machine_is_taken_without_asking_a_registry(engine: Engine) -> None:
    image = engine.add(REDIS["redis"])
    resolved = resolve(REDIS, Report())["redis"]
    assert (resolved.image, resolved.source, resolved.digest) == (image.id, "on this machine", None)
    assert engine.pulls == engine.builds == []


def test_an_absent_image_is_pulled_and_known_by_its_digest(engine: Engine) -> None:
    engine.registry.add(REDIS["redis"])
    resolved = resolve(REDIS, Report())["redis"]
    assert (resolved.source, resolved.digest) == ("pulled", "sha256:" + "d" * 64)
    assert engine.builds == []


def test_an_image_that_cannot_be_pulled_is_built_and_its_real_version_is_told(engine: Engine) -> None:
    resolved = resolve(REDIS, Report())["redis"]
    assert resolved.source == "built from packages: Debian packages"
    assert resolved.version == "7.0.15"
    assert resolved.image == engine.images[engine.builds[0]].id


def test_the_answer_is_kept_although_the_registry_answers_later(engine: Engine) -> None:
    first = resolve(REDIS, Report())
    engine.registry.add(REDIS["redis"])
    engine.inspections = 0
    assert resolve(REDIS, Report()) == first
    assert engine.inspections == 1  # one question to the engine for all services
    assert resolve(REDIS, Report(), refresh=True)["redis"].source == "pulled"


def test_another_reference_is_resolved_anew(engine: Engine) -> None:
    resolve(REDIS, Report())
    other = {"redis": "127.0.0.1:1/redis:7.4"}
    image = engine.add(other["redis"])
    assert resolve(other, Report())["redis"].image == image.id


def test_an_answer_outlives_a_try_of_another_reference(engine: Engine) -> None:
    first = resolve(REDIS, Report())
    engine.add("127.0.0.1:1/redis:7.4")
    resolve({"redis": "127.0.0.1:1/redis:7.4"}, Report())
    engine.registry.add(REDIS["redis"])
    assert resolve(REDIS, Report()) == first
    assert engine.pulls == [REDIS["redis"]], "only the first run asked the registry"
    assert list(known_images()["redis"]) == ["127.0.0.1:1/redis:7.4", REDIS["redis"]]


def test_the_answer_of_a_former_version_is_kept(engine: Engine) -> None:
    first = resolve(REDIS, Report())
    resolution_file().write_text(json.dumps({"redis": asdict(first["redis"])}))
    engine.registry.add(REDIS["redis"])
    assert resolve(REDIS, Report()) == first


def test_an_image_that_was_removed_is_got_again(engine: Engine) -> None:
    resolve(REDIS, Report())
    engine.images.clear()
    resolve(REDIS, Report())
    assert len(engine.builds) == 2


def test_a_changed_recipe_is_built_and_an_unchanged_one_is_found(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = resolve(REDIS, Report())["redis"]
    monkeypatch.setattr(catalog, "_RECIPES", {"redis": recipe_named("redis", version="7.1")})
    second = resolve(REDIS, Report())["redis"]
    monkeypatch.setattr(catalog, "_RECIPES", {"redis": recipe_named("redis")})
    third = resolve(REDIS, Report())["redis"]
    assert first.image == third.image != second.image
    assert len(engine.builds) == 2


def test_the_resolution_file_holds_every_field_and_only_its_owner_reads_it(engine: Engine) -> None:
    engine.add(REDIS["redis"])
    resolve(REDIS, Report())
    content = json.loads(resolution_file().read_text())
    fields = {"reference", "image", "digest", "source", "version", "stand_in", "ledgers", "migrations"}
    assert set(content["redis"][REDIS["redis"]]) == {*fields, "clickhouse_floor"}
    assert stat.S_IMODE(resolution_file().stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "{", "[]", '{"redis": {}}', '{"redis": 3}'])
def test_a_damaged_resolution_file_is_replaced(engine: Engine, content: str) -> None:
    image = engine.add(REDIS["redis"])
    resolution_file().write_text(content)
    assert resolve(REDIS, Report())["redis"].image == image.id
    assert known_images()["redis"][REDIS["redis"]].image == image.id


def test_an_image_that_can_neither_be_pulled_nor_built_names_service_setting_and_both_reasons(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "_RECIPES", {})
    engine.add("127.0.0.1:1/minio:1")
    with pytest.raises(ToolchainError) as refused:
        resolve(REDIS | {"minio": "127.0.0.1:1/minio:1"}, Report())
    message = str(refused.value)
    for part in (REDIS["redis"], "cannot be reached", "cannot be built", "pulumi config set redis:image"):
        assert part in message
    assert "minio" not in message
    assert not resolution_file().exists()


def test_the_stand_in_is_called_one_and_takes_its_release_from_the_reference(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "PythonPackages", Instant)
    monkeypatch.setattr(catalog, "DEBIAN", None)
    resolved = resolve(WEB, Report())["langfuse-web"]
    assert resolved.stand_in
    assert resolved.source == "stand-in, not Langfuse"
    assert resolved.version == "3.225.4"
    assert engine.builds[0].startswith("langfuse-stack/langfuse-web:3.225.4-")


def test_a_checkout_without_the_stand_in_has_nothing_in_the_place_of_langfuse(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "STAND_IN", tmp_path / "absent")
    with pytest.raises(ToolchainError, match="cannot be built: there is no stand-in in this checkout"):
        resolve(WEB, Report())
    assert engine.builds == []


@pytest.mark.parametrize("tag", ["2.95.0", "3.225.5", "3.999.0", "5", "latest"])
def test_nothing_stands_in_for_a_version_that_may_not_exist(tag: str) -> None:
    with pytest.raises(ToolchainError, match=f"whether there is a {tag} only a registry can tell"):
        catalog.recipe_for("langfuse-web", f"langfuse/langfuse:{tag}")


@pytest.mark.parametrize("tag", ["4.16.0", "4.16", "4", "v4.16.0"])
def test_a_tag_of_the_known_version_is_stood_in_for(tag: str) -> None:
    assert catalog.recipe_for("langfuse-web", f"langfuse/langfuse:{tag}").version == "4.16.0"


def test_a_version_that_the_registry_does_not_have_is_refused_and_not_stood_in_for(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pull(_: object, reference: str, *_rest: object) -> None:
        raise registry.NoSuchImageError(f"manifest for {reference} not found: manifest unknown")

    monkeypatch.setattr(registry.Registries, "pull", pull)
    with pytest.raises(ToolchainError, match="there is no such version of Langfuse") as refused:
        resolve(WEB, Report())
    assert "manifest unknown" in str(refused.value)
    assert engine.builds == []


def test_the_stand_in_doubles_the_known_version_of_each_release() -> None:
    assert {release.version for release in RELEASES.values()} == set(catalog.stand_in_versions())


def test_a_build_that_is_killed_leaves_nothing_that_looks_finished_and_the_next_one_completes(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = recipe_named("redis", kind=Hanging())
    half_way = tmp_path / "half-way"
    monkeypatch.setenv("HANG", str(half_way))
    context = multiprocessing.get_context("fork")
    process = context.Process(target=builder.ensure_built, args=(wanted, facts(), Report()))
    process.start()
    while not half_way.exists():
        assert process.is_alive()
        time.sleep(0.01)
    process.kill()
    process.join()
    artefacts = cache_dir() / "images" / "redis"
    assert [path.name for path in artefacts.iterdir() if not path.name.startswith(".")] == []
    assert engine.builds == []

    monkeypatch.delenv("HANG")
    builder.ensure_built(wanted, facts(), Report())
    [finished] = artefacts.iterdir()
    assert (finished / "artefact").read_text() == wanted.tag("amd64")
    assert engine.builds == [wanted.tag("amd64")]


def test_two_builds_of_the_same_image_at_once_gather_its_artefacts_once(engine: Engine) -> None:
    wanted = recipe_named("redis", kind=Slow())
    context = multiprocessing.get_context("fork")
    request = (wanted, facts(), Report())
    processes = [context.Process(target=builder.ensure_built, args=request) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert (cache_dir() / "prepared").read_text() == "x"
    assert engine.builds == []  # each process has its own double of the engine


def test_a_nearly_full_disk_is_named_before_anything_is_built(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder, "NEEDED_BYTES", 1 << 60)
    with pytest.raises(ToolchainError, match=r"GB free, images need .* GB: make room .*LANGFUSE_STACK_CACHE"):
        resolve(REDIS, Report())
    assert engine.builds == []


def locked(name: str) -> dict[str, Locked]:
    """A lock of what the registry has under that name."""
    return {"redis": Locked(REDIS["redis"], "7.2.11", f"sha256:{name * 64}")}


def test_a_locked_digest_is_what_is_pulled_whatever_the_tag_is_now(engine: Engine) -> None:
    pinned = f"127.0.0.1:1/redis@sha256:{'d' * 64}"
    engine.registry |= {pinned, REDIS["redis"]}
    resolved = resolve(REDIS, Report(), locked=locked("d"))["redis"]
    assert engine.pulls == [pinned]
    assert (resolved.reference, resolved.digest) == (REDIS["redis"], f"sha256:{'d' * 64}")
    resolve(REDIS, Report(), locked=locked("d"), refresh=True)
    assert engine.pulls == [pinned, REDIS["redis"]]


def test_what_was_built_gives_way_to_what_is_locked_as_soon_as_the_registry_has_it(engine: Engine) -> None:
    assert resolve(REDIS, Report(), locked=locked("d"))["redis"].digest is None
    engine.registry.add(f"127.0.0.1:1/redis@sha256:{'d' * 64}")
    assert resolve(REDIS, Report(), locked=locked("d"))["redis"].digest == f"sha256:{'d' * 64}"


def test_the_committed_lock_is_what_a_machine_with_registries_runs(engine: Engine) -> None:
    locked = {service: entry for service, entry in read_lock(ROOT / "images.local.lock.yaml").items() if entry.digest}
    pinned = {service: f"{re.split('[:@]', entry.reference)[0]}@{entry.digest}" for service, entry in locked.items()}
    engine.registry.update(pinned.values())
    resolved = resolve({service: entry.reference for service, entry in locked.items()}, Report(), locked=locked)
    assert sorted(engine.pulls) == sorted(pinned.values())
    assert {service: image.digest for service, image in resolved.items()} == {
        service: entry.digest for service, entry in locked.items()
    }


def test_a_lock_of_another_reference_says_nothing(engine: Engine) -> None:
    engine.registry.add(REDIS["redis"])
    other = {"redis": Locked("127.0.0.1:1/redis:7.0", "7.0", f"sha256:{'e' * 64}")}
    assert resolve(REDIS, Report(), locked=other)["redis"].digest == f"sha256:{'d' * 64}"


def test_the_code_of_recipes_keeps_the_images_that_its_former_names_made() -> None:
    """A name that only moved must not have everybody build every image again."""
    for name in ("archive", "debian", "dockerfile"):
        code = recipe._code(import_module(f"offline.images.kinds.{name}"))
        assert "from toolchain.images import client\n" in code
        assert not re.search(r"platforms|offline|client\.argv|DockerError", code)

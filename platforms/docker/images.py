"""Images on this machine: found, built, and looked into without running them."""

import contextlib
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from platforms.docker.client import Docker, DockerError, argv

BUILD_SECONDS = 1800


@dataclass(frozen=True)
class LocalImage:
    """An image that is on the machine."""

    id: str
    tags: tuple[str, ...]
    digests: tuple[str, ...]
    architecture: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class EngineFacts:
    """What the engine says about itself; `architecture` in Go's words (amd64, arm64)."""

    architecture: str
    root: str
    hub: str
    hub_mirrors: tuple[str, ...]
    proxy: str


def inspect(names: Sequence[str]) -> list[LocalImage]:
    """The images among `names` that are on the machine, in one call; absent ones are left out."""
    return [_local_image(item) for item in Docker().present("image", *names)]


def find(name: str) -> LocalImage | None:
    """The image called `name` (tag, digest or id), or None when it is not on the machine."""
    found = inspect([name])
    return found[0] if found else None


def facts() -> EngineFacts:
    """What the running engine says about itself."""
    info = Docker().info()
    architectures = {"x86_64": "amd64", "aarch64": "arm64"}
    registries = info.get("RegistryConfig") or {}
    return EngineFacts(
        architecture=architectures.get(info["Architecture"], info["Architecture"]),
        root=info["DockerRootDir"],
        hub=info["IndexServerAddress"],
        hub_mirrors=tuple(registries.get("Mirrors") or ()),
        proxy=info.get("HttpsProxy") or "",
    )


def build(context: Path, tag: str, arguments: Mapping[str, str], target: str) -> None:
    """`docker build` of the folder `context`; the tag appears only when all steps succeeded."""
    options = [f"--build-arg={name}={value}" for name, value in arguments.items()]
    options += [f"--target={target}"] if target else []
    docker = Docker(seconds=BUILD_SECONDS)
    docker("build", "--quiet", "--force-rm", f"--tag={tag}", *options, str(context), also={"DOCKER_BUILDKIT": "0"})


def import_root(archive: Path, tag: str) -> None:
    """An image of one layer from a tar archive of a root file system."""
    Docker(seconds=BUILD_SECONDS)("import", str(archive), tag)


def copy_out(image: str, folder: str, suffix: str, target: Path) -> None:
    """Copy the files below `folder` whose names end in `suffix` out of an image, without running it.

    Args:
        image: Its id.
        folder: Inside; nothing is copied when it is not there.
        suffix: Of the wanted files.
        target: Folder that gets them, with the same names below it.
    """
    docker = Docker()
    container = docker("create", "--network=none", image, "unused").strip()
    try:
        with subprocess.Popen(
            argv("cp", f"{container}:{folder}", "-"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as copy:
            assert copy.stdout is not None  # noqa: S101  (a pipe was asked for)
            with contextlib.suppress(tarfile.ReadError), tarfile.open(fileobj=copy.stdout, mode="r|") as archive:
                for member in archive:
                    if member.isfile() and member.name.endswith(suffix):
                        _write(archive, member, target)
    finally:
        docker("rm", "--force", "--volumes", container)


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    inside = PurePosixPath(member.name).parts[1:]
    content = archive.extractfile(member)
    if ".." in inside or content is None:
        raise DockerError(f"docker cp: {member.name} is no file that an image should have")
    path = target.joinpath(*inside)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.read())


def _local_image(item: Mapping[str, Any]) -> LocalImage:
    return LocalImage(
        id=item["Id"],
        tags=tuple(item.get("RepoTags") or ()),
        digests=tuple(item.get("RepoDigests") or ()),
        architecture=item["Architecture"],
        labels=(item.get("Config") or {}).get("Labels") or {},
    )

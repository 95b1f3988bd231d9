"""Images that a Python wheel carries as an archive of `docker save`."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import zipfile
from typing import IO, TYPE_CHECKING

from offline.images import wheels
from platforms.docker import client
from toolchain.report import ToolchainError

if TYPE_CHECKING:
    from pathlib import Path

    from offline.images.recipe import Job

_SECONDS = 900
_MANIFEST = "manifest.json"
_OLD_MANIFEST = "repositories"


class WheelArchive:
    """A wheel with a compressed tar that holds the image archive, for one architecture."""

    def __init__(self, architecture: str) -> None:
        """Args: architecture: the one the archived image is for."""
        self.architecture = architecture

    def prepare(self, job: Job, context: Path) -> None:
        """Downloads the wheel that the lock file names.

        Raises:
            ToolchainError: wrong architecture, no download, or other content than the lock file says.
        """
        if job.architecture != self.architecture:
            raise ToolchainError(f"its archive is for {self.architecture}, this engine is {job.architecture}")
        wheels.download(context / "requirements.lock", context)

    def finish(self, job: Job, context: Path) -> None:
        """`docker load`, under the recipe's tag and no other, so that no image of the user loses its name."""
        wheel = next(context.glob("*.whl"))
        with subprocess.Popen(
            client.argv("load", "--quiet"),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as load:
            assert load.stdin is not None  # noqa: S101  (a pipe was asked for)
            try:
                _copy_archive(wheel, job.tag, load.stdin)
                _, words = load.communicate(timeout=_SECONDS)
            except BrokenPipeError:
                words = load.stderr.read() if load.stderr else b""
            except BaseException:
                load.kill()
                raise
        if load.returncode != 0:
            raise client.DockerError(f"docker load: {words.decode(errors='replace').strip()}")


def _copy_archive(wheel: Path, tag: str, output: IO[bytes]) -> None:
    with (
        zipfile.ZipFile(wheel) as package,
        package.open(next(name for name in package.namelist() if name.endswith(".tar.xz"))) as compressed,
        tarfile.open(fileobj=compressed, mode="r|xz") as outer,
    ):
        for wrapped in outer:
            inner = outer.extractfile(wrapped)
            if inner is not None:
                with (
                    tarfile.open(fileobj=inner, mode="r|") as image,
                    tarfile.open(fileobj=output, mode="w|", format=tarfile.PAX_FORMAT) as renamed,
                ):
                    _rename(image, renamed, tag)


def _rename(image: tarfile.TarFile, renamed: tarfile.TarFile, tag: str) -> None:
    for member in image:
        content = image.extractfile(member)
        if member.name == _OLD_MANIFEST:
            continue
        if member.name == _MANIFEST and content is not None:
            manifest = json.loads(content.read())
            for entry in manifest:
                entry["RepoTags"] = [tag]
            changed = json.dumps(manifest).encode()
            member.size = len(changed)
            content = io.BytesIO(changed)
        renamed.addfile(member, content)

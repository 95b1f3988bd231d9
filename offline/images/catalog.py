"""Which image is built how: the one place that names the recipes."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from offline.images.kinds.archive import WheelArchive
from offline.images.kinds.debian import DebianRoot
from offline.images.kinds.dockerfile import Dockerfile
from offline.images.kinds.go_modules import GoPrograms
from offline.images.kinds.python_packages import PythonPackages
from offline.images.recipe import STAND_IN, Recipe
from toolchain.report import ToolchainError

if TYPE_CHECKING:
    from collections.abc import Mapping

_MINIO_FLAGS = (
    "-s -w -X github.com/minio/minio/cmd.Version=2026-02-12T20:18:48Z"
    " -X github.com/minio/minio/cmd.ReleaseTag=DEVELOPMENT.2026-02-12T20-18-48Z"
    " -X github.com/minio/minio/cmd.CommitID=7aac2a2c5b7c -X github.com/minio/minio/cmd.CopyrightYear=2026"
)

DEBIAN = Recipe("debian", "debian", "bookworm", DebianRoot("bookworm"), "Debian packages")

_FIXED = (
    Recipe("clickhouse", "clickhouse", "24.10.2.80", WheelArchive("amd64"), "image archive in a Python wheel"),
    Recipe("minio", "minio", "2026-02-12", GoPrograms(_MINIO_FLAGS), "Go modules"),
    Recipe("redis", "redis", "7.0", Dockerfile(), "Debian packages", base=DEBIAN),
    Recipe("postgres", "postgres", "15", Dockerfile(), "Debian packages", base=DEBIAN),
    Recipe("proxy", "proxy", "2.6", Dockerfile(), "Debian packages", base=DEBIAN),
    Recipe("relay", "relay", "0.165.0", GoPrograms("-s -w"), "Go modules"),
    Recipe("litellm", "litellm", "1.106.2", PythonPackages(), "Python packages", base=DEBIAN),
    *(
        Recipe(service, "monitoring", version, Dockerfile(), "Debian packages", base=DEBIAN, target=service)
        for service, version in {
            "prometheus": "2.42",
            "alertmanager": "0.25",
            "blackbox-exporter": "0.23",
            "postgres-exporter": "0.11",
            "pushgateway": "1.5",
            "redis-exporter": "1.45",
        }.items()
    ),
)
_RECIPES: Mapping[str, Recipe] = {recipe.service: recipe for recipe in _FIXED}
_LANGFUSE = ("langfuse-web", "langfuse-worker")
OLD_CLICKHOUSE = "LANGFUSE_STANDIN_OLD_CLICKHOUSE"
"""For tests: the stand-in that is built runs on a ClickHouse that is older than its release asks for."""
_TAG = re.compile(r"v?(\d+(?:\.\d+)*)")


def recipe_for(service: str, reference: str) -> Recipe:
    """How to build what takes the place of `reference`; for Langfuse the release in its tag decides.

    Raises:
        ToolchainError: there is no recipe for the service, or no stand-in for that release.
    """
    if service in _RECIPES:
        return _RECIPES[service]
    if service not in _LANGFUSE:
        raise ToolchainError("it cannot be built from packages")
    if not STAND_IN.is_dir():
        raise ToolchainError("there is no stand-in in this checkout")
    versions = stand_in_versions()
    tag = reference.partition("@")[0].rpartition(":")[2]
    asked = _TAG.fullmatch(tag)
    begins = f"{asked[1]}." if asked else tag
    release = next((version for version in versions if f"{version}.".startswith(begins)), None)
    if release is None:
        raise ToolchainError(
            f"the stand-in doubles {' and '.join(versions)}, and whether there is a {tag} only a registry can "
            "tell (`pulumi config rm langfuse:version` for the known one)"
        )
    old = "-old-clickhouse" if os.environ.get(OLD_CLICKHOUSE) == "true" else ""
    return Recipe(
        service,
        "langfuse_standin",
        release,
        PythonPackages(),
        "stand-in, not Langfuse",
        base=DEBIAN,
        target=service.removeprefix("langfuse-") + old,
        stand_in=True,
    )


def stand_in_versions() -> list[str]:
    """The versions of Langfuse that the stand-in doubles; whether any other exists, only a registry can tell."""
    return (STAND_IN / "releases.txt").read_text().split()

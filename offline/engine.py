"""The Pulumi engine and its plugins from Go modules, for machines that the vendor's releases do not reach."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from offline import golang
from toolchain.engine import BUILT, URL_SETTING, VERSION, Engine, in_cache
from toolchain.paths import staged
from toolchain.plugins import PLUGINS
from toolchain.report import ToolchainError

if TYPE_CHECKING:
    from toolchain.report import Report

_LANGUAGE_HOST = Path(__file__).with_name("language_host.py")
_SDK = "github.com/pulumi/pulumi/sdk/v3"
_SDK_SCRIPTS = ("python/cmd/pulumi-language-python-exec", "python/dist/pulumi-resource-pulumi-python")
_PROGRAM = golang.Program(
    name="pulumi",
    module="pulumi",
    package="github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    version_variable=f"{_SDK}/go/common/version.Version",
    version=VERSION,
)
_PLUGIN_TAGS = {"docker": ("no_compose",)}


@functools.cache
def _key() -> str:
    """Changes with everything of ours that a built engine consists of, its plugins included."""
    digest = hashlib.sha256(_LANGUAGE_HOST.read_bytes())
    for module in sorted({_PROGRAM.module, *PLUGINS}):
        for path in sorted((golang.MODULES / module).iterdir()):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def built() -> Engine:
    """The built engine; it need not be there yet."""
    return in_cache(_key(), BUILT)


def build(report: Report) -> Engine:
    """Build the engine, with a language host for Python.

    Raises:
        ToolchainError: It cannot be built; says what helps.
    """
    engine = built()
    try:
        pulumi = golang.build(_PROGRAM, report)
        sdk = golang.module_folder(_PROGRAM, _SDK, report)
    except ToolchainError as error:
        raise ToolchainError(
            f"There is no Pulumi engine, and none could be built.\n{error}\n"
            f"Or put pulumi {VERSION} on the PATH, or set {URL_SETTING} to where the vendor's archive is."
        ) from error
    with staged(engine.bin_dir) as part:
        _link_or_copy(pulumi, part / "pulumi")
        for script in _SDK_SCRIPTS:
            _install(sdk / script, part / Path(script).name)
        _install(_LANGUAGE_HOST, part / "pulumi-language-python")
    return engine


def plugin(name: str, version: str) -> golang.Program:
    """A resource plugin, as a program that is built."""
    return golang.Program(
        name=f"pulumi-resource-{name}",
        module=name,
        package=".",
        version_variable="main.version",
        version=version,
        tags=_PLUGIN_TAGS.get(name, ()),
    )


def build_plugin(name: str, version: str, folder: Path, report: Report) -> None:
    """Build a resource plugin into `folder`.

    Raises:
        ToolchainError: It cannot be built.
    """
    program = plugin(name, version)
    binary = golang.build(program, report)
    with staged(folder) as part:
        _link_or_copy(binary, part / program.name)


def _install(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    target.chmod(0o755)


def _link_or_copy(source: Path, target: Path) -> None:
    """Make `target` the same program as `source` without using its space again, where that is possible."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)

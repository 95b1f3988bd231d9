"""The reverse proxy of the recipe in docs/gateway.md, run as Debian ships it, with an authority of its own."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.stack import ROOT
from tests.standin.docker_cli import eventually

RECIPE = re.compile(r"```\n# Caddyfile\n(.*?)```", re.DOTALL)
OWN_AUTHORITY = """{
	admin off
	default_bind 127.0.0.1
	auto_https disable_redirects
	skip_install_trust
	local_certs
}
"""


@contextmanager
def caddy(folder: Path, behind: Mapping[str, tuple[str, int]]) -> Iterator[Path]:
    """Runs the recipe; the file of the authority that its certificates are from.

    Args:
        folder: for all of its files.
        behind: host of the recipe to the address that takes its place, and the port behind it.
    """
    [text] = RECIPE.findall((ROOT / "docs" / "gateway.md").read_text())
    for (host, (address, port)), usual in zip(behind.items(), (3000, 4000), strict=True):
        assert host in text
        assert f"127.0.0.1:{usual}" in text
        text = text.replace(host, address).replace(f"127.0.0.1:{usual}", f"127.0.0.1:{port}")
    configuration = folder / "Caddyfile"
    configuration.write_text(OWN_AUTHORITY + text)
    argv = [_executable(folder), "run", "--config", str(configuration)]
    variables = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    root = folder / "caddy" / "pki" / "authorities" / "local" / "root.crt"
    with (folder / "caddy.log").open("w") as log, subprocess.Popen(argv, env=variables, stderr=log) as process:
        try:
            eventually(root.exists, seconds=30)
            yield root
        finally:
            process.terminate()


def _executable(folder: Path) -> str:
    if found := shutil.which("caddy"):
        return found
    subprocess.run(["apt-get", "download", "caddy"], cwd=folder, check=True, capture_output=True)
    [package] = folder.glob("caddy_*.deb")
    subprocess.run(["dpkg-deb", "--extract", package, folder / "unpacked"], check=True)
    return str(folder / "unpacked" / "usr" / "bin" / "caddy")

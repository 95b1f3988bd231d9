"""Machines as real containers on one private network; `<app>.internal` is their name there."""

from __future__ import annotations

import base64
import io
import json
import os
import shlex
import subprocess
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.fly.fake.cloud import Machines, State

LABEL = "langfuse-stack.fake-fly"
SETTLE_SECONDS = 120
GONE_SECONDS = 30
"""A network of containers that were just removed may still have their endpoints."""
EDGE = Path(__file__).with_name("edge.cfg")


class Containers(Machines):
    """One container a machine, one Docker volume a Fly volume; all of them labelled with the prefix.

    Args:
        prefix: of every name, and the name of the network.
        public: app to the port of 127.0.0.1 at which its public service is reached.
        edge: image of HAProxy, for what balances over the machines of an app; without one, the first is all there is.
    """

    def __init__(self, prefix: str, public: dict[str, int], edge: str = "") -> None:
        self.prefix, self.public, self.edge = prefix, public, edge

    def container(self, machine: State) -> str:
        """Name of a machine's container; of an app's first, the app's."""
        number = machine["name"].rpartition("-")[2]
        return f"{self.prefix}-{machine['app']}{'' if number == '1' else f'-{number}'}"

    def create(self, machine: State, app: str, secrets: dict[str, str]) -> None:
        self._network()
        name, toml = self.container(machine), machine["toml"]
        docker("rm", "-f", name, check=False)
        env = {**machine["config"]["env"], **secrets, "FLY_APP_NAME": app, "FLY_REGION": machine["region"]}
        words = ["create", "--name", name, "--label", f"{LABEL}={self.prefix}", "--network", self.prefix]
        words += ["--network-alias", f"{app}.internal", "--stop-timeout", str(toml.get("kill_timeout", 5))]
        for mount in toml.get("mounts", []):
            volume = f"{self.prefix}-{machine['volume']}"
            docker("volume", "create", "--label", f"{LABEL}={self.prefix}", volume)
            words += ["-v", f"{volume}:{mount['destination']}"]
        if app in self.public and "http_service" in toml and not self.edge:
            words += ["-p", f"127.0.0.1:{self.public[app]}:{toml['http_service']['internal_port']}"]
        words += [part for key in sorted(env) for part in ("-e", key)]  # values never stand on a command line
        command = shlex.split(toml.get("processes", {}).get("app", ""))
        docker(*words, machine["runs"], *command, env=env)
        user = docker("image", "inspect", "--format", "{{.Config.User}}", machine["runs"])
        for mount in toml.get("mounts", []):
            _give(name, mount["destination"], user)
        for file in toml.get("files", []):
            self._place(name, file, secrets)
        if self.edge and ("services" in toml or (app in self.public and "http_service" in toml)):
            balance(self, app, toml)

    def _place(self, container: str, file: State, secrets: dict[str, str]) -> None:
        if "secret_name" in file:
            content = base64.b64decode(secrets[file["secret_name"]])
        else:
            content = Path(file["local_path"]).read_bytes()
        with tempfile.TemporaryDirectory() as folder:
            draft = Path(folder, file["guest_path"].lstrip("/"))
            draft.parent.mkdir(parents=True)
            draft.write_bytes(content)
            for path in Path(folder).rglob("*"):
                path.chmod(0o755 if path.is_dir() else 0o644)
            top = Path(file["guest_path"]).parts[1]
            docker("cp", str(Path(folder, top)), f"{container}:/")

    def start(self, machine: State) -> None:
        docker("start", self.container(machine))

    def settle(self, machine: State) -> None:
        deadline = time.monotonic() + SETTLE_SECONDS
        while any(check["status"] != "passing" for check in self.checks(machine)) and time.monotonic() < deadline:
            time.sleep(0.3)

    def stop(self, machine: State) -> None:
        docker("stop", self.container(machine))

    def checks(self, machine: State) -> list[State]:
        toml = machine["toml"]
        checks = dict(toml.get("checks", {}))
        for service in (toml.get("http_service", {}), *toml.get("services", [])):
            for kind in ("checks", "http_checks", "tcp_checks"):
                for index, check in enumerate(service.get(kind, [])):
                    seen = {
                        **check,
                        "type": "tcp" if kind == "tcp_checks" else "http",
                        "port": service["internal_port"],
                    }
                    checks[f"servicecheck-{index:02}-{seen['type']}-{seen['port']}"] = seen
        return [{"name": name, **self._checked(machine, check)} for name, check in sorted(checks.items())]

    def _checked(self, machine: State, check: State) -> State:
        import socket

        try:
            host = self.ip(machine["app"], self.container(machine))
            if check["type"] == "tcp":
                socket.create_connection((host, check["port"]), 2).close()
            else:
                with urllib.request.urlopen(f"http://{host}:{check['port']}{check['path']}", timeout=3) as reply:
                    reply.read()
        except (OSError, urllib.error.URLError) as error:
            return {"status": "critical", "output": str(error)}
        return {"status": "passing", "output": "ok"}

    def logs(self, app: str) -> list[tuple[str, str]]:
        text = docker("logs", "--timestamps", "--tail", "1000", f"{self.prefix}-{app}", check=False)
        return [(at, message) for at, _, message in (line.partition(" ") for line in text.splitlines())]

    def ip(self, app: str, container: str = "") -> str:
        """The address of a machine, the first without `container`, on the private network."""
        shown = json.loads(docker("inspect", container or f"{self.prefix}-{app}"))[0]
        address = str(shown["NetworkSettings"]["Networks"][self.prefix]["IPAddress"])
        if not address:
            raise OSError(f"{app} does not run")
        return address

    def execute(self, app: str, line: str) -> tuple[int, str, str]:
        done = subprocess.run(
            ["docker", "exec", f"{self.prefix}-{app}", *shlex.split(line)], capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout, done.stderr

    def _network(self) -> None:
        if docker("network", "ls", "-q", "--filter", f"name=^{self.prefix}$") == "":
            docker("network", "create", "--label", f"{LABEL}={self.prefix}", self.prefix, check=False)


def _give(container: str, path: str, user: str) -> None:
    """A mount belongs to the user of the image, as on Fly."""
    numbers = [int(number) for number in user.split(":") if number.isdigit()]
    if not numbers:
        return
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        folder = tarfile.TarInfo(path.lstrip("/"))
        folder.type, folder.mode, folder.uid, folder.gid = tarfile.DIRTYPE, 0o755, numbers[0], numbers[-1]
        tar.addfile(folder)
    subprocess.run(["docker", "cp", "-", f"{container}:/"], input=archive.getvalue(), check=True, capture_output=True)


def balance(containers: Containers, app: str, toml: State) -> None:
    """Fly's own balancing over the healthy machines of an app: at `APP.flycast`, and at its public address."""
    name = f"{containers.prefix}-{app}-edge"
    if docker("ps", "-aq", "--filter", f"name=^{name}$"):
        return
    services = toml.get("services") or [{**toml["http_service"], "ports": []}]
    port = services[0]["internal_port"]
    checks = [check for kind in ("checks", "http_checks") for check in services[0].get(kind, [])]
    config = EDGE.read_text(encoding="utf-8").format(
        port=port,
        host=f"{app}.internal",
        check=f"option httpchk GET {checks[0]['path']}" if checks else "",
    )
    published = ["-p", f"127.0.0.1:{containers.public[app]}:{port}"] if app in containers.public else []
    words = ["create", "--name", name, "--label", f"{LABEL}={containers.prefix}", "--network", containers.prefix]
    words += ["--network-alias", f"{app}.flycast", *published, containers.edge, "haproxy", "-f", "/etc/edge.cfg"]
    docker(*words)
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder, "edge.cfg")
        draft.write_text(config)
        draft.chmod(0o644)
        docker("cp", str(draft), f"{name}:/etc/edge.cfg")
    docker("start", name)


def remove_everything(prefix: str) -> None:
    """Remove the containers, volumes and network of one prefix, and nothing else."""
    mine = f"label={LABEL}={prefix}"
    for listing, removal in (
        (("ps", "-aq"), ("rm", "-f", "-v")),
        (("volume", "ls", "-q"), ("volume", "rm")),
        (("network", "ls", "-q"), ("network", "rm")),
    ):
        deadline = time.monotonic() + GONE_SECONDS
        while found := docker(*listing, "--filter", mine).split():
            docker(*removal, *found, check=time.monotonic() > deadline)
            time.sleep(0.1)


def docker(*words: str, check: bool = True, env: dict[str, Any] | None = None) -> str:
    """Run one docker command; what it printed."""
    done = subprocess.run(
        ["docker", *words],
        env={**os.environ, **(env or {})},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if check and done.returncode:
        raise RuntimeError(f"docker {' '.join(words[:3])}: {done.stdout}")
    return done.stdout.strip()

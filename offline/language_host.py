#!/usr/bin/env -S python3 -u
"""Pulumi's language plugin for Python programs, for engines that come without their own.

The engine starts it as `pulumi-language-python ENGINE_ADDRESS`, reads a port from its output and then asks it,
over gRPC, to run programs and policy packs. It runs them with the interpreter that runs it, unless the project
names a `virtualenv`. It neither installs packages, since they are there before the engine starts, nor generates code.

It is copied beside the `pulumi` binary and works alone there: it imports only the pulumi and grpc packages.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

# The program has shown its own error: nothing more is to be said about it (pulumi-language-python-exec).
_ERROR_WAS_SHOWN = 32
_SECONDS_TO_END = 2.0
_EXECUTOR = Path(__file__).with_name("pulumi-language-python-exec")


def _skip_package_imports() -> None:
    """Make the generated stubs importable without running the packages around them, which takes longer."""
    spec = importlib.util.find_spec("pulumi")
    if spec is None or spec.origin is None:
        sys.exit(f"{sys.executable} has no pulumi package: use the environment that `make shell` prints")
    root = Path(spec.origin).parent
    for name, folder in (("pulumi", root), ("pulumi.runtime", root / "runtime")):
        package = types.ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package


# Blocked before any thread exists, so that every thread and child inherits it: the engine interrupts this
# whole process group to end it, and programs must not answer that with a traceback.
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
_skip_package_imports()

import grpc  # type: ignore[import-untyped]  # noqa: E402
from google.protobuf import empty_pb2, json_format  # noqa: E402
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2  # noqa: E402


class Python:
    """The interpreter of a program, and the folder its packages are in."""

    def __init__(self, info: Any) -> None:
        """Args: info: the engine's ProgramInfo; its option `virtualenv` is relative to the project."""
        venv = json_format.MessageToDict(info.options).get("virtualenv")
        self._venv = Path(info.root_directory, venv) if venv else None

    @property
    def executable(self) -> str:
        """The absolute path of the interpreter."""
        if self._venv:
            return str(self._venv / "bin" / "python")
        return os.environ.get("PULUMI_PYTHON_CMD") or sys.executable

    def environment(self, base: dict[str, str]) -> dict[str, str]:
        """`base`, with the scripts of the project's virtual environment first on the PATH."""
        if not self._venv:
            return base
        return base | {"VIRTUAL_ENV": str(self._venv), "PATH": f"{self._venv / 'bin'}:{base.get('PATH', '')}"}

    def output(self, *args: str) -> str:
        """What the interpreter prints when it is run with `args`."""
        return subprocess.run([self.executable, *args], check=True, capture_output=True, text=True).stdout

    def packages(self) -> Iterator[dict[str, Any]]:
        """The `pulumi-plugin.json` of each installed package that needs a resource plugin."""
        folders = self._venv.glob("lib/python*/site-packages") if self._venv else map(Path, sys.path)
        for folder in folders:
            for path in folder.glob("*/pulumi-plugin.json"):
                plugin = json.loads(path.read_text())
                if plugin.get("resource"):
                    yield plugin


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """The LanguageRuntime service; method names are the protocol's."""

    def __init__(self, engine_address: str) -> None:
        """Args: engine_address: where the programs find the engine."""
        self._engine = engine_address
        self._children: set[subprocess.Popen[bytes]] = set()
        self._program: subprocess.Popen[bytes] | None = None
        self._closing = False
        self._lock = threading.Lock()

    def close(self) -> bool:
        """End all that still runs, and say whether a program was among it, which a policy pack is not."""
        with self._lock:
            self._closing = True
            children = list(self._children)
        for child in children:
            _end(child)
        return self._program in children

    @contextlib.contextmanager
    def _child(self, argv: list[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
        with self._lock:
            if self._closing:
                raise InterruptedError
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, **options)
            self._children.add(child)
        try:
            yield child
        finally:
            _end(child)
            with self._lock:
                self._children.discard(child)

    def Handshake(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """Learn where the engine is."""
        self._engine = request.engine_address
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Say which version of the SDK this serves."""
        from importlib.metadata import version

        return plugin_pb2.PluginInfo(version=version("pulumi"))

    def GetRequiredPackages(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """List the resource plugins that the installed packages need."""
        return language_pb2.GetRequiredPackagesResponse(
            packages=[
                plugin_pb2.PackageDependency(
                    name=plugin["name"],
                    version=plugin.get("version", ""),
                    kind="resource",
                    server=plugin.get("server", ""),
                )
                for plugin in Python(request.info).packages()
            ]
        )

    def About(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """Say which Python runs the program."""
        python = Python(request.info)
        version = python.output("--version").removeprefix("Python").strip()
        return language_pb2.AboutResponse(executable=python.executable, version=version)

    def GetProgramDependencies(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """List the installed packages."""
        scope = [] if request.transitiveDependencies else ["--not-required"]
        listed = json.loads(Python(request.info).output("-m", "pip", "list", "--format=json", *scope))
        return language_pb2.GetProgramDependenciesResponse(
            dependencies=[language_pb2.DependencyInfo(name=p["name"], version=p["version"]) for p in listed]
        )

    def InstallDependencies(self, _request: Any, _context: Any) -> Iterator[Any]:  # noqa: N802
        """Say who installs packages here."""
        yield language_pb2.InstallDependenciesResponse(stdout=b"The Python packages are installed by `make`.\n")

    def Run(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """Run the program to its end."""
        python = Python(request.info)
        flags = {
            "monitor": request.monitor_address,
            "engine": self._engine,
            "project": request.project,
            "root_directory": request.info.root_directory,
            "stack": request.stack,
            "pwd": request.pwd,
            "dry_run": "true" if request.dryRun else "false",
            "parallel": str(request.parallel),
            "organization": request.organization,
        }
        argv = [python.executable, "-u", str(_EXECUTOR)]
        argv += [part for name, value in flags.items() if value for part in (f"--{name}", value)]
        argv += [request.program or ".", *request.args]
        env = python.environment(dict(os.environ)) | {
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        try:
            with self._child(argv, env=env) as self._program:
                code = self._program.wait()
        except InterruptedError:
            return language_pb2.RunResponse(bail=True)
        except OSError as error:
            return language_pb2.RunResponse(error=f"cannot run the program with {python.executable}: {error}")
        if code in {0, _ERROR_WAS_SHOWN}:
            return language_pb2.RunResponse(bail=code != 0)
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"
        return language_pb2.RunResponse(error=f"the program {how}")

    def RunPlugin(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802
        """Run a policy pack, or a plugin written in Python, and pass on what it prints."""
        python = Python(request.info)
        folder = request.info.program_directory
        # A policy pack is run by the SDK's own runner, which takes the engine's address before the folder.
        code = ["-m", "pulumi.policy", *request.args[:1], folder, *request.args[1:]]
        argv = [python.executable, "-u", *(code if request.kind == "analyzer" else [folder, *request.args])]
        env = python.environment(dict(entry.split("=", 1) for entry in request.env))
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with self._child(argv, env=env, cwd=request.pwd, **pipes) as child:
            context.add_callback(child.terminate)
            for is_error, data in _output(child):
                if is_error:
                    yield language_pb2.RunPluginResponse(stderr=data)
                else:
                    yield language_pb2.RunPluginResponse(stdout=data)
            yield language_pb2.RunPluginResponse(exitcode=child.wait())

    def Cancel(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """End what runs, because the user asked for it."""
        self.close()
        return empty_pb2.Empty()


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _output(child: subprocess.Popen[bytes]) -> Iterator[tuple[bool, bytes]]:
    """What a child writes, as (whether to stderr, data), until it has closed both pipes."""
    pieces: queue.SimpleQueue[tuple[bool, bytes]] = queue.SimpleQueue()

    def read(pipe: Any, *, is_error: bool) -> None:
        while data := os.read(pipe.fileno(), 1 << 16):
            pieces.put((is_error, data))
        pieces.put((is_error, b""))

    for pipe, is_error in ((child.stdout, False), (child.stderr, True)):
        threading.Thread(target=read, args=(pipe,), kwargs={"is_error": is_error}, daemon=True).start()
    still_open = 2
    while still_open:
        is_error, data = pieces.get()
        if data:
            yield is_error, data
        else:
            still_open -= 1


def _interrupt_when_engine_is_gone() -> None:
    """The engine holds the other end of stdin for as long as it lives."""
    while os.read(0, 1 << 12):
        pass
    os.kill(os.getpid(), signal.SIGINT)


def main() -> None:
    """Serve until the engine interrupts this process or is gone."""
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    host = LanguageHost(next((arg for arg in sys.argv[1:] if not arg.startswith("-")), ""))
    server = grpc.server(
        ThreadPoolExecutor(),
        options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)],
    )
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    threading.Thread(target=_interrupt_when_engine_is_gone, daemon=True).start()
    signal.sigwait({signal.SIGINT})
    if host.close() and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)  # with whatever the ended programs had started
    os._exit(0)


if __name__ == "__main__":
    main()

"""Runs the real program against a recording monitor: what it would register, without an engine."""

import asyncio
import gc
import json
import runpy
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pulumi
import pytest
from google.protobuf import json_format
from pulumi.runtime import mocks, settings

import components.base
from components.releases import Image
from settings import IMAGES_FILE_VARIABLE, load
from settings.recorded import HISTORY, RELAY
from settings.switches import RESOURCE, Switch

ROOT = Path(__file__).resolve().parents[2]
PINNED = "sha256:" + "0" * 64


@dataclass(frozen=True)
class Registration:
    """One registered resource, with the options the engine was sent."""

    type: str
    name: str
    inputs: Mapping[str, Any]
    parent: str
    protect: bool
    retain_on_delete: bool
    delete_before_replace: bool
    delete_hooks: tuple[str, ...]
    depends_on: tuple[str, ...]


class _Echo(mocks.Mocks):
    """Gives every resource an id and its inputs back, with generated values where a provider would make them."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        generated = {"hex": f"hex-of-{args.name}", "result": f"result-of-{args.name}"}
        return f"{args.name}-id", {**args.inputs, **generated, "evidence": {}, "checked_at": "now"}

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        self._state = state or {}

    def call(self, _args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        return {"outputs": self._state}, []


class _Recorder(mocks.MockMonitor):
    def __init__(self, state: Mapping[str, Any]) -> None:
        super().__init__(_Echo(state))
        self.registered: list[Registration] = []
        self.outputs: dict[str, Any] = {}

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 - a gRPC method
        self.outputs[request.urn.rpartition("::")[2]] = json_format.MessageToDict(request.outputs)
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - a gRPC method
        self.registered.append(
            Registration(
                type=request.type,
                name=request.name,
                inputs=json_format.MessageToDict(request.object),
                parent=request.parent.rpartition("::")[2],
                protect=request.protect,
                retain_on_delete=request.retainOnDelete,
                delete_before_replace=request.deleteBeforeReplace,
                delete_hooks=tuple(request.hooks.before_delete),
                depends_on=tuple(urn.rpartition("::")[2] for urn in request.dependencies),
            )
        )
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]


class _Hooks:
    """Takes the place of the callback server, which talks only to a real engine."""

    def register_resource_hook(self, _hook: pulumi.ResourceHook) -> None:
        return None


@dataclass(frozen=True)
class Recording:
    """Everything one run of the program registered."""

    resources: list[Registration]
    outputs: Mapping[str, Any]
    components: Mapping[str, Mapping[str, Any]]
    """Outputs of each component."""

    def recorded(self, name: str) -> Mapping[str, Any]:
        """Outputs of one component."""
        return self.components[name]

    def of_type(self, type_: str) -> list[Registration]:
        """All resources of a type."""
        return [entry for entry in self.resources if entry.type == type_]

    def one(self, name: str) -> Registration:
        """The one custom resource of that logical name."""
        [found] = [entry for entry in self.resources if entry.name == name and not entry.type.startswith("langfuse-")]
        return found

    def env(self, name: str) -> dict[str, str]:
        """Environment of a container."""
        return dict(_plain(item).split("=", 1) for item in _plain(self.one(name).inputs["envs"]))


def _plain(value: Any) -> Any:
    return value["value"] if isinstance(value, Mapping) and "value" in value else value


def recorded(config: Mapping[str, str], *, stand_in: bool = False) -> Recording:
    """As `record`, for settings that nothing but themselves decides about; run once a process."""
    return _recorded(frozenset(config.items()), stand_in)


@cache
def _recorded(config: frozenset[tuple[str, str]], stand_in: bool) -> Recording:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        return record(dict(config), Path(folder), patched, stand_in=stand_in)


def record(
    config: Mapping[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    stand_in: bool = False,
    switches: Any = (),
    known_data: Sequence[str] = (),
    release: str = "",
    relay_accepts: Sequence[str] = (),
) -> Recording:
    """Run the program with `config`, images that look resolved, and what the state records beside resources."""
    images = {
        service: {
            reference: vars(
                Image(
                    *(reference, PINNED, "test", "1.0"),
                    stand_in=stand_in,
                    ledgers={"clickhouse": 37, "postgres": 424},
                    migrations="/folder/of/migrations",
                )
            )
        }
        for service, reference in load(config).image_references.items()
    }
    path = tmp_path / "images.json"
    path.write_text(json.dumps(images))
    monkeypatch.setenv(IMAGES_FILE_VARIABLE, str(path))
    monkeypatch.setattr(components.base, "_delete_hook", None)
    monkeypatch.chdir(ROOT)
    held = [vars(entry) for entry in switches] if all(isinstance(entry, Switch) for entry in switches) else switches
    state = {
        "switches": {"type": RESOURCE, "outputs": {"switches": held}},
        "known": {"type": HISTORY, "outputs": {"data": list(known_data), "release": release}},
        "relay": {"type": RELAY, "outputs": {"accepted": list(relay_accepts)}},
    }
    recorder = _Recorder(state)
    asyncio.set_event_loop(asyncio.new_event_loop())
    settings.reset_options(project="langfuse-stack", stack="test")
    mocks.set_mocks(_Echo(), project="langfuse-stack", stack="test", monitor=recorder)
    settings.SETTINGS.callbacks = _Hooks()
    pulumi.runtime.set_all_config(dict(config))

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def program() -> None:
        runpy.run_path(str(ROOT / "__main__.py"))

    try:
        program()
    finally:
        gc.enable()  # the program switches it off for its own short life
    root = settings.get_root_resource()
    assert isinstance(root, pulumi.runtime.stack.Stack)
    return Recording(recorder.registered, dict(root.outputs), recorder.outputs)

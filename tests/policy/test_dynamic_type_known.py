"""`dynamic-type-known`."""

import importlib
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from checks.base import CheckProvider, CheckResource
from policy.inventories import FOLDER_VARIABLE, Inventory
from policy.reviewed_types import CHECKS, COMMANDS, TYPES
from policy.rules.dynamic_type_known import dynamic_type_known
from tests.policy.engine import STACK, resource, violations
from tests.unit.recorder import ROOT, recorded

REGISTERED = ROOT / "tests" / "unit" / "registered.json"


def check_classes() -> dict[str, type[CheckResource]]:
    """Dynamic type to the class in `checks/`."""
    for path in sorted((ROOT / "checks").glob("*.py")):
        importlib.import_module(f"checks.{path.stem}")
    return {f"pulumi-python:{cls._resource_type_name}": cls for cls in CheckResource.__subclasses__()}


@pytest.mark.parametrize("type_", sorted({entry[0] for entry in json.loads(Path(REGISTERED).read_text())}))
def test_everything_the_program_registers_is_reviewed(type_: str) -> None:
    assert violations(dynamic_type_known, resource(type_)) == []


@pytest.mark.parametrize("chain", sorted(TYPES))
def test_a_reviewed_type_is_compliant(chain: str) -> None:
    assert violations(dynamic_type_known, resource(f"langfuse-stack:index:Part${chain}")) == []


def command(owner: str, **inputs: object) -> Any:
    """A command as the Fly platform declares it, with further inputs."""
    chain = f"langfuse-stack:index:Part${owner}"
    return resource(chain, {"create": COMMANDS[owner], "stdin": "{}", "logging": "stderr", **inputs})


@pytest.mark.parametrize("owner", sorted(COMMANDS))
def test_a_reviewed_command_line_under_its_own_parent_is_compliant(owner: str) -> None:
    assert violations(dynamic_type_known, command(owner)) == []
    assert violations(dynamic_type_known, command(owner, update=None, environment={}, triggers=[])) == []
    owned = {"LANGFUSE_STACK_OWNER": "0123456789abcdef"}
    assert violations(dynamic_type_known, command(owner, environment=owned)) == []
    assert violations(dynamic_type_known, command(owner, environment=owned | {"PYTHONPATH": "/elsewhere"}))


def test_the_platform_declares_exactly_the_reviewed_commands() -> None:
    declared = {
        (f"{parent.type}${entry.type}", entry.inputs["create"])
        for program in (recorded({"langfuse-stack:platform": "fly", "fly:localImages": "push"}),)
        for entry in program.of_type("command:local:Command")
        for parent in program.resources
        if parent.name == entry.parent and parent.type.startswith("langfuse-stack:fly:")
    }
    assert declared == set(COMMANDS.items())


@pytest.mark.parametrize("owner", sorted(COMMANDS))
@pytest.mark.parametrize(
    "inputs",
    [
        {"create": "docker volume rm langfuse_redis_data"},
        {"create": "python3 -m platforms.fly snapshot"},
        {"create": "python3 -m platforms.fly app; docker volume rm langfuse_redis_data"},
        {"create": UNKNOWN_STRING_VALUE},
        {"create": None},
        {"update": "docker volume rm langfuse_redis_data"},
        {"delete": "docker volume rm langfuse_redis_data"},
        {"interpreter": ["/bin/sh", "-c", "docker volume rm langfuse_redis_data #"]},
        {"dir": "/elsewhere"},
        {"environment": {"PYTHONPATH": "/elsewhere"}},
        {"triggers": ["every run"]},
        {"assetPaths": ["*"]},
    ],
)
def test_another_command_line_is_a_violation_whatever_its_parent_is_called(
    owner: str, inputs: dict[str, object]
) -> None:
    [message] = violations(dynamic_type_known, command(owner, **inputs))
    assert f"runs another command line than the reviewed `{COMMANDS[owner]}`" in message
    assert "docker volume rm" not in message


def test_no_configuration_lets_a_command_pass() -> None:
    named = resource("command:local:Command", {"create": "true"}, config={"furtherTypes": ["command:local:Command"]})
    assert violations(dynamic_type_known, named)


def test_a_stack_on_docker_runs_no_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    volume = ("langfuse-stack:index:Redis$docker:index/volume:Volume", "redis-data")
    (tmp_path / f"{STACK}.json").write_text(Inventory({volume: {"name": "langfuse_redis_data"}}).as_json())
    [message] = violations(dynamic_type_known, command("langfuse-stack:fly:App$command:local:Command"))
    assert "the data of this stack is on Docker" in message


def test_a_further_type_is_compliant_when_the_configuration_names_it() -> None:
    config = {"furtherTypes": ["aws:s3:Bucket"]}
    assert violations(dynamic_type_known, resource("aws:s3:Bucket", config=config)) == []
    assert violations(dynamic_type_known, resource("aws:s3:Other", config=config))


@pytest.mark.parametrize(
    "chain",
    [
        "pulumi-python:dynamic:Resource",
        "pulumi-python:dynamic/checks:Eraser",
        "command:local:Command",
        "langfuse-stack:index:Part$command:local:Command",
        "langfuse-stack:fly:Volume$x:y:Z$command:local:Command",
        "command:remote:Command",
        "docker:index/service:Service",
        "pulumi:providers:aws",
    ],
)
def test_a_type_nobody_reviewed_is_a_violation(chain: str) -> None:
    [message] = violations(dynamic_type_known, resource(chain))
    assert f"is of type {chain.rsplit('$', 1)[-1]}, " in message
    assert "add it to policy/reviewed_types.py" in message


def test_each_reviewed_check_is_a_class_of_the_checks_folder() -> None:
    assert set(check_classes()) >= CHECKS


def test_the_engine_stores_a_reference_to_each_check_and_not_its_code() -> None:
    providers = {cls.provider for cls in check_classes().values()}
    assert len(providers) >= len(CHECKS)
    for provider in providers:
        assert issubclass(provider, CheckProvider)
        assert provider.__module__.startswith("checks.")
        assert len(pickle.dumps(provider())) < 200

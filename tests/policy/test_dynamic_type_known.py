"""`dynamic-type-known`."""

import importlib
import json
import pickle
from pathlib import Path

import pytest

from checks.base import CheckProvider, CheckResource
from policy.reviewed_types import CHECKS, COMMANDS, TYPES
from policy.rules.dynamic_type_known import dynamic_type_known
from tests.policy.engine import resource, violations
from tests.unit.recorder import ROOT

REGISTERED = ROOT / "tests" / "unit" / "registered.json"


def check_classes() -> dict[str, type[CheckResource]]:
    """Dynamic type to the class in `checks/`."""
    for path in sorted((ROOT / "checks").glob("*.py")):
        importlib.import_module(f"checks.{path.stem}")
    return {f"pulumi-python:{cls._resource_type_name}": cls for cls in CheckResource.__subclasses__()}


@pytest.mark.parametrize("type_", sorted({entry[0] for entry in json.loads(Path(REGISTERED).read_text())}))
def test_everything_the_program_registers_is_reviewed(type_: str) -> None:
    assert violations(dynamic_type_known, resource(type_)) == []


@pytest.mark.parametrize("chain", sorted(COMMANDS | TYPES))
def test_a_reviewed_type_is_compliant(chain: str) -> None:
    assert violations(dynamic_type_known, resource(f"langfuse-stack:index:Part${chain}")) == []


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
    assert f"is of type {chain.rsplit('$', 1)[-1]}, which nobody has reviewed" in message


def test_each_reviewed_check_is_a_class_of_the_checks_folder() -> None:
    assert set(check_classes()) >= CHECKS


def test_the_engine_stores_a_reference_to_each_check_and_not_its_code() -> None:
    providers = {cls.provider for cls in check_classes().values()}
    assert len(providers) >= len(CHECKS)
    for provider in providers:
        assert issubclass(provider, CheckProvider)
        assert provider.__module__.startswith("checks.")
        assert len(pickle.dumps(provider())) < 200

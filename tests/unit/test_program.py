"""What the program promises about the resources it registers."""

import ast
import json
from pathlib import Path

import pulumi
import pytest
import yaml

from components.gateway_config import OWN_VARIABLES
from policy.data_types import DATA_TYPES
from tests.contract import OUTPUTS
from tests.unit.recorder import PINNED, ROOT, Recording, recorded

EXPECTED = Path(__file__).parent / "registered.json"
SHOWN_BY_ITS_ID = "random:index/randomBytes:RandomBytes"
"""Holds a secret wherever somebody uses it; the program does not, since state, plans and exports show every id."""
CONTAINER = "docker:index/container:Container"
GATES_OF_THE_DATA_TIER = {"clickhouse-gate", "minio-gate", "postgres-gate", "redis-gate"}


@pytest.fixture
def local() -> Recording:
    return recorded({})


def test_tokens_logical_names_and_parents_never_change(local: Recording) -> None:
    """Each of them is part of a URN: to the engine, a change is a delete and a create."""
    registered = sorted([entry.type, entry.name, entry.parent] for entry in local.resources)
    assert registered == json.loads(EXPECTED.read_text())


def test_outputs_are_the_contract(local: Recording) -> None:
    assert set(local.outputs) == OUTPUTS


def test_every_data_resource_is_protected_retained_and_guarded_by_the_delete_hook(local: Recording) -> None:
    data = [entry for entry in local.resources if entry.type in DATA_TYPES]
    kinds = {type_ for type_ in DATA_TYPES if "$" not in type_}
    assert {entry.type for entry in data} == kinds - {SHOWN_BY_ITS_ID}
    for entry in data:
        assert (entry.protect, entry.retain_on_delete, entry.delete_before_replace) == (True, True, False), entry.name
        assert entry.delete_hooks == ("refuse-to-delete-data",), entry.name


def test_only_base_sets_the_options_that_guard_data() -> None:
    """One way to declare data: everything else calls `components.base.data_options`."""
    sources = [path for folder in ("components", "platforms", "checks") for path in (ROOT / folder).rglob("*.py")]
    setters = {str(path.relative_to(ROOT)) for path in [*sources, *ROOT.glob("*.py")] if guards_set_in(path)}
    assert setters == {"components/base.py"}


@pytest.mark.parametrize(
    "code",
    [
        "o(protect=False)",
        "o(**{'retain_on_delete': False})",
        "o.hooks = None",
        "setattr(o, 'protect', False)",
        "pulumi.ResourceHook('refuse-to-delete-data', f)",
        "from pulumi import ResourceHookBinding as B",
        "o(import_='langfuse_minio_data')",
    ],
)
def test_however_a_guard_is_set_the_test_above_sees_it(code: str, tmp_path: Path) -> None:
    (tmp_path / "part.py").write_text(code)
    assert guards_set_in(tmp_path / "part.py")


def guards_set_in(path: Path) -> set[str]:
    """Names of guarding options that the code of a file passes, assigns or imports; reading one is nothing."""
    guards = {"protect", "retain_on_delete", "hooks", "import_", "ResourceHook", "ResourceHookBinding"}
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.keyword) and node.arg:
            found.add(node.arg)
        elif isinstance(node, ast.Attribute) and (not isinstance(node.ctx, ast.Load) or node.attr.startswith("R")):
            found.add(node.attr)
        elif isinstance(node, ast.alias):
            found.add(node.name)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return guards & found


def test_stopping_removes_containers_and_gates_and_keeps_all_data() -> None:
    running = recorded({})
    stopped = recorded({"langfuse-stack:running": "false"})
    kept = {(entry.type, entry.name) for entry in stopped.resources}
    assert not stopped.of_type(CONTAINER)
    assert {(e.type, e.name) for e in running.resources if e.type in DATA_TYPES} <= kept
    before = {entry.name: entry.inputs for entry in running.resources if entry.type in DATA_TYPES}
    assert {entry.name: entry.inputs for entry in stopped.resources if entry.type in DATA_TYPES} == before


def test_every_port_is_published_on_loopback_only(local: Recording) -> None:
    published = [port for entry in local.of_type(CONTAINER) for port in entry.inputs["ports"]]
    assert len(published) == 11
    assert {port["ip"] for port in published} == {"127.0.0.1"}


def test_containers_run_images_named_by_their_content(local: Recording) -> None:
    assert {entry.inputs["image"] for entry in local.of_type(CONTAINER)} == {PINNED}


def test_web_starts_after_the_whole_data_tier_is_proven(local: Recording) -> None:
    assert set(local.one("langfuse-web").depends_on) >= GATES_OF_THE_DATA_TIER


def test_the_worker_starts_after_web_is_proven(local: Recording) -> None:
    assert set(local.one("langfuse-worker").depends_on) >= {"langfuse-web-gate", "foreign-after"}


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        ("minio", "clickhouse-gate"),
        ("postgres", "minio-gate"),
        ("redis", "minio-gate"),
        ("langfuse-web", "postgres-gate"),
        ("langfuse-worker", "langfuse-web-gate"),
        ("relay", "langfuse-trace-gate"),
        ("gateway", "relay-gate"),
        ("end-to-end-proof", "gateway-gate"),
    ],
)
def test_strict_phases_start_one_after_the_other(later: str, earlier: str) -> None:
    strict = recorded({"langfuse-stack:phases": "strict"})
    [entry] = [e for e in strict.resources if e.name == later and not e.type.startswith("langfuse-stack:")]
    assert earlier in entry.depends_on


def test_the_gateway_serves_the_configured_models_beside_its_smoke_model() -> None:
    models = [{"name": "gpt-4o", "model": "openai/gpt-4o", "apiKeyEnv": "OPENAI_API_KEY"}]
    keys = {"OPENAI_API_KEY": "sk-canary"}
    stack = recorded(
        {
            "gateway:models": json.dumps(models),
            "gateway:providerKeys": json.dumps(keys),
            "gateway:cacheTtlSeconds": "60",
        }
    )
    [config] = [file["content"] for file in stack.one("gateway").inputs["uploads"] if file["file"].endswith(".yaml")]
    served = yaml.safe_load(config)
    assert [model["model_name"] for model in served["model_list"]] == ["smoke", "gpt-4o"]
    assert served["model_list"][1]["litellm_params"]["api_key"] == "os.environ/OPENAI_API_KEY"
    assert served["litellm_settings"]["callbacks"] == ["langfuse_otel"]
    assert served["litellm_settings"]["cache_params"]["ttl"] == 60
    assert stack.one("gateway-gate").inputs["models"] == ["smoke", "gpt-4o"]


@pytest.mark.parametrize(
    ("models", "keys", "said"),
    [
        ([{"name": "a", "model": "openai/a", "apiKeyEnv": "OPENAI_API_KEY"}], {}, "OPENAI_API_KEY, which nothing sets"),
        ([{"name": "smoke", "model": "openai/a"}], {}, "a model named smoke is the stack's own"),
        ([], {"LITELLM_MASTER_KEY": "canary"}, "LITELLM_MASTER_KEY is set by the stack"),
        ([], {"LANGFUSE_SECRET_KEY": "canary"}, "LANGFUSE_SECRET_KEY is set by the stack"),
        ([], {"REDIS_URL": "canary"}, "REDIS_URL is set by the stack"),
        ([], {"DATABASE_URL": "canary"}, "DATABASE_URL is set by the stack"),
    ],
)
def test_a_gateway_that_could_not_run_is_refused_before_anything_is_registered(
    models: list[dict[str, str]], keys: dict[str, str], said: str
) -> None:
    with pytest.raises(pulumi.RunError) as caught:
        recorded({"gateway:models": json.dumps(models), "gateway:providerKeys": json.dumps(keys)})
    assert said in str(caught.value)
    assert "canary" not in str(caught.value)


def test_no_variable_of_the_gateway_can_be_taken_over_by_a_provider_key(local: Recording) -> None:
    assert set(local.env("gateway")) <= OWN_VARIABLES


def test_prod_settings_load() -> None:
    from ops.stackfile import read_config
    from settings import load

    settings = load(read_config(ROOT / "Pulumi.prod.yaml"))
    assert (settings.stack.platform, settings.stack.phases) == ("fly", "strict")

"""LiteLLM's configuration: an operator's own file with what the stack needs, and every conflict by its path."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from components.gateway_config import GatewayConfigError, merged, served
from platforms.docker.platform import DockerPlatform
from settings import SettingsError, gateway_config, load
from settings.groups import Model

DOCKER = DockerPlatform("test", "owner", lambda _: 512, running=False)
CACHE = {"host": "os.environ/REDIS_HOST", "port": "os.environ/REDIS_PORT", "ttl": 600}
AZURE = yaml.safe_load("""
model_list:
  - model_name: gpt
    litellm_params:
      model: azure/gpt-deployment
      api_base: https://example.openai.azure.com
      api_version: "2025-01-01"
      api_key: os.environ/AZURE_API_KEY
      rpm: 60
    model_info: {base_model: azure/gpt-4o, mode: chat}
  - model_name: spare
    litellm_params: {model: openai/gpt-4o-mini, api_key: os.environ/OPENAI_API_KEY}
router_settings:
  routing_strategy: simple-shuffle
  num_retries: 2
litellm_settings:
  fallbacks: [{gpt: [spare]}]
  callbacks: [prometheus]
  drop_params: true
  cache_params: {ttl: 60, supported_call_types: [acompletion]}
general_settings:
  alerting: [slack]
""")


def config(own: dict[str, Any], *, variables: tuple[str, ...] = (), callback: str | None = "langfuse_otel") -> Any:
    given = dict.fromkeys(variables, "given")
    return merged(own, models=(), callback=callback, cache=CACHE, variables=given, platform=DOCKER)


def refused(own: dict[str, Any], *, variables: tuple[str, ...] = ()) -> str:
    with pytest.raises(GatewayConfigError) as caught:
        config(own, variables=variables)
    return str(caught.value)


def test_an_own_file_keeps_all_it_says_and_gets_what_the_stack_needs() -> None:
    found = config(AZURE, variables=("AZURE_API_KEY", "OPENAI_API_KEY"))
    assert served(found) == ["smoke", "gpt", "spare"]
    assert found["model_list"][1:] == AZURE["model_list"]
    assert found["router_settings"] == AZURE["router_settings"]
    lite = found["litellm_settings"]
    assert lite["fallbacks"] == [{"gpt": ["spare"]}]
    assert lite["callbacks"] == ["prometheus", "langfuse_otel"]
    assert lite["cache_params"] == {
        "type": "redis",
        "namespace": "litellm",
        "ttl": 60,
        "supported_call_types": ["acompletion"],
        "host": "os.environ/REDIS_HOST",
        "port": "os.environ/REDIS_PORT",
    }
    assert found["general_settings"] == {"master_key": "os.environ/LITELLM_MASTER_KEY", "alerting": ["slack"]}


def test_without_tracing_an_own_file_cannot_bring_langfuse_back() -> None:
    own = {"litellm_settings": {"callbacks": ["prometheus"]}}
    assert config(own, callback=None)["litellm_settings"]["callbacks"] == ["prometheus"]
    with pytest.raises(GatewayConfigError, match="callbacks has langfuse_otel"):
        config({"litellm_settings": {"callbacks": ["langfuse_otel"]}}, callback=None)


def test_a_model_of_the_settings_takes_every_parameter_of_litellm() -> None:
    parameters = {"aws_region_name": "eu-west-1", "tpm": 9}
    model = Model.model_validate(
        {"name": "a", "model": "bedrock/a", "params": parameters, "modelInfo": {"mode": "chat"}}
    )
    found = merged({}, models=(model,), callback=None, cache=CACHE, variables={}, platform=DOCKER)
    assert found["model_list"][1] == {
        "model_name": "a",
        "litellm_params": {"model": "bedrock/a", "aws_region_name": "eu-west-1", "tpm": 9},
        "model_info": {"mode": "chat"},
    }


def entry(**parameters: object) -> dict[str, Any]:
    return {"model_list": [{"model_name": "a", "litellm_params": {"model": "openai/a", **parameters}}]}


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"general_settings": {"master_key": "sk-canary"}}, "general_settings.master_key must be"),
        ({"general_settings": {"database_url": "os.environ/DATABASE_URL"}}, "set gateway:database"),
        ({"litellm_settings": {"success_callback": ["langfuse"]}}, "success_callback has langfuse"),
        ({"litellm_settings": {"callbacks": ["langfuse"]}}, "callbacks has langfuse"),
        ({"litellm_settings": {"cache_params": {"type": "s3"}}}, "cache_params.type must be redis"),
        ({"litellm_settings": {"cache_params": {"host": "elsewhere"}}}, "cache_params.host is set by the stack"),
        (
            {"environment_variables": {"LANGFUSE_HOST": "https://canary.example.com"}},
            "environment_variables.LANGFUSE_HOST",
        ),
        ({"include": ["other.yaml"]}, "include names files"),
        ({"model_list": [{"model_name": "smoke", "litellm_params": {"model": "openai/a"}}]}, "named smoke"),
        ({"model_list": [{"model_name": "a"}]}, "model_list[0] needs model_name and litellm_params.model"),
        ({"model_list": {"a": 1}}, "model_list must be a list"),
        ({"router_settings": []}, "router_settings must be a mapping"),
        (entry(api_key="sk-canary"), "model_list[0].litellm_params.api_key is a secret in plain text"),
        (entry(aws_secret_access_key="canary"), "aws_secret_access_key is a secret in plain text"),
        (entry(vertex_credentials='{"canary": 1}'), "vertex_credentials is a secret in plain text"),
        (entry(api_key="os.environ/OTHER_KEY"), "api_key wants OTHER_KEY, which nothing sets"),
    ],
)
def test_a_conflict_with_what_the_stack_needs_is_named_by_its_path(own: dict[str, Any], said: str) -> None:
    message = refused(own)
    assert said in message
    assert "canary" not in message


@pytest.mark.parametrize("name", ["LITELLM_MASTER_KEY", "LANGFUSE_SECRET_KEY", "REDIS_URL", "DATABASE_URL"])
def test_a_variable_that_the_stack_sets_is_refused_as_a_providers_key(name: str) -> None:
    assert f"{name} is set by the stack itself" in refused({}, variables=(name,))


def test_a_model_of_the_settings_needs_its_key_and_a_name_of_its_own() -> None:
    stated = ({"name": "a", "model": "openai/a", "apiKeyEnv": "NOBODY_SETS_IT"}, {"name": "smoke", "model": "openai/a"})
    models = tuple(Model.model_validate(model) for model in stated)
    with pytest.raises(GatewayConfigError) as caught:
        merged({}, models=models, callback=None, cache=CACHE, variables={}, platform=DOCKER)
    assert "wants NOBODY_SETS_IT, which nothing sets" in str(caught.value)
    assert "a model named smoke is the stack's own" in str(caught.value)


YAML_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=8,
)
SECTIONS = st.sampled_from(["model_list", "general_settings", "router_settings", "callbacks"])
LITELLM = st.dictionaries(st.sampled_from(["callbacks", "success_callback", "cache_params", "cache"]), YAML_VALUES)


@settings(max_examples=150, deadline=None)
@given(own=st.dictionaries(SECTIONS, YAML_VALUES, max_size=4), lite=st.one_of(YAML_VALUES, LITELLM))
def test_any_file_is_merged_or_refused_with_a_reason(own: dict[str, Any], lite: object) -> None:
    own = {**own, "litellm_settings": lite}
    with contextlib.suppress(GatewayConfigError):
        found = config(own)
        assert found["general_settings"]["master_key"] == "os.environ/LITELLM_MASTER_KEY"
        assert "langfuse_otel" in found["litellm_settings"]["callbacks"]


def test_the_settings_take_a_path_or_the_content(tmp_path: Path) -> None:
    path = tmp_path / "litellm.config.yaml"
    path.write_text(yaml.safe_dump(AZURE))
    assert gateway_config(load({"gateway:config": str(path)}).gateway.config) == AZURE
    assert gateway_config(load({"gateway:config": json.dumps(AZURE)}).gateway.config) == AZURE
    assert gateway_config(load({}).gateway.config) == {}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: [", "is not YAML at line"),
        ("- a", "must be a mapping"),
        ("a: !!python/object:x.Y {}", "is not YAML"),
        (None, "No such file"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused_with_its_name(
    content: str | None, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "litellm.config.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingsError, match=said):
        gateway_config(path)


def test_variables_may_be_numbers_and_booleans_in_the_settings_file() -> None:
    found = load({"gateway:env": '{"A": 40, "B": true, "C": "x"}', "langfuse:extraEnv": '{"LANGFUSE_X": 1.5}'})
    assert found.gateway.env == {"A": "40", "B": "true", "C": "x"}
    assert found.langfuse.extra_env == {"LANGFUSE_X": "1.5"}

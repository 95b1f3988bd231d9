"""`langfuse:extraEnv` sets nothing that the stack sets, and leads to no other data."""

import json

import pytest

from settings import SettingsError, Vault, load
from settings.loading import known_keys
from settings.reserved import ITSELF, RESERVED, VAULT
from tests.unit.recorder import recorded

STACKS: tuple[dict[str, str], ...] = (
    {},
    {"langfuse:release": "4", "langfuse:writeMode": "dual"},
    {"langfuse:release": "4", "langfuse:backfill": "false"},
    {"clickhouse:replicas": "3", "web:replicas": "2"},
)
OPEN = {"LANGFUSE_INGESTION_CLICKHOUSE_MAX_ATTEMPTS"}
"""Given, and open to another value of the operator's."""


@pytest.mark.parametrize("config", STACKS, ids=str)
def test_everything_that_the_program_gives_langfuse_is_reserved(config: dict[str, str]) -> None:
    stack = recorded(config)
    given = {*stack.env("langfuse-web"), *stack.env("langfuse-worker")}
    assert given - RESERVED.keys() == OPEN


@pytest.mark.parametrize("setting", ["langfuse:extraEnv", "langfuse:secretEnv"])
@pytest.mark.parametrize("name", sorted(RESERVED))
def test_a_reserved_variable_is_refused_by_name_with_what_sets_it(name: str, setting: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load({setting: json.dumps({name: "elsewhere", "LANGFUSE_CACHE_PROMPT_ENABLED": "true"})})
    said = str(refused.value)
    assert f"{name} is set by {RESERVED[name]}" in said
    assert f"pulumi config rm --path '{setting}.<name>'" in said
    assert "elsewhere" not in said
    assert "LANGFUSE_CACHE_PROMPT_ENABLED" not in said


def test_the_vault_sets_none_of_them_either() -> None:
    with pytest.raises(ValueError, match="LANGFUSE_ENV: CLICKHOUSE_DB is set by clickhouse:database"):
        Vault.model_validate({"LANGFUSE_ENV": {"CLICKHOUSE_DB": "elsewhere"}})


def test_what_the_stack_leaves_open_can_be_set() -> None:
    free = {
        "LANGFUSE_S3_CONCURRENT_WRITES": "50",
        "CLICKHOUSE_MAX_OPEN_CONNECTIONS": "20",
        "LANGFUSE_LOG_FORMAT": "json",
        **dict.fromkeys(OPEN, "7"),
    }
    assert load({"langfuse:extraEnv": json.dumps(free)}).langfuse.extra_env == free
    env = recorded({"langfuse:extraEnv": json.dumps(free)}).env("langfuse-worker")
    assert free.items() <= env.items()


def test_every_setting_that_a_message_names_exists() -> None:
    named = {word for what in RESERVED.values() if what not in {VAULT, ITSELF} for word in what.split(" and ")}
    assert named <= set(known_keys())

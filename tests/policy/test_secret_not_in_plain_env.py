"""`secret-not-in-plain-env`."""

from typing import Any

import pytest
from pulumi_policy import Secret
from pulumi_policy.proxy import UNKNOWN_ARRAY_VALUE, UNKNOWN_STRING_VALUE

from policy.environment import CONTAINER
from policy.fly import SERVICE
from policy.rules.secret_not_in_plain_env import secret_not_in_plain_env
from tests.policy.engine import request, resource, violations

HEX = "0123456789abcdef" * 2
HARMLESS = {
    "TZ": "UTC",
    "CLICKHOUSE_URL": "http://clickhouse:8123",
    "LANGFUSE_S3_EVENT_UPLOAD_ACCESS_KEY_ID": "langfuse-app",
    "LANGFUSE_S3_EVENT_KEY_MAX_SEGMENT_BYTES": "255",
    "POSTGRES_USER": "postgres",
    "EMPTY_PASSWORD": "",
    "SHORT": "abc123",
}
SECRETS = {
    "POSTGRES_PASSWORD": "x",
    "MY_API_KEY": "x",
    "SALT": "x",
    "REDIS_AUTH": "x",
    "ANTHROPIC_TOKEN": "x",
    "minio_secret": "x",
    "WHATEVER": HEX,
    "DATABASE": "postgresql://user:word@host/db",
    "REDIS": "redis://:word@host:6379",
    "FIRST": "sk-lf-01234567",
    "SECOND": "pk-lf-01234567",
}


def envs(values: dict[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in values.items()]


@pytest.mark.parametrize(
    "args",
    [
        resource(CONTAINER, {"envs": envs(HARMLESS)}),
        resource(CONTAINER, {"envs": Secret(envs(SECRETS))}),
        resource(CONTAINER, {"envs": [Secret(entry) for entry in envs(SECRETS)]}),
        resource(CONTAINER),
        request(SERVICE, {"toml": {"env": HARMLESS}}, secret=True),
        request(SERVICE, {"toml": {}}),
        resource("x:y:Z", {"envs": envs(SECRETS)}),
    ],
)
def test_secrets_declared_as_such_are_compliant(args: Any) -> None:
    assert violations(secret_not_in_plain_env, args) == []


@pytest.mark.parametrize(("name", "value"), SECRETS.items())
def test_a_secret_among_plain_variables_is_a_violation_that_does_not_show_it(name: str, value: str) -> None:
    docker = resource(CONTAINER, {"envs": envs({**HARMLESS, name: value})})
    fly = request(SERVICE, {"toml": {"env": {**HARMLESS, name: value}}}, secret=True)
    for args in (docker, fly):
        [message] = violations(secret_not_in_plain_env, args)
        assert f"thing has {name} as a plain variable" in message
        assert value == "x" or value not in message


@pytest.mark.parametrize(
    "args",
    [
        resource(CONTAINER, {"envs": UNKNOWN_ARRAY_VALUE}),
        resource(CONTAINER, {"envs": [UNKNOWN_STRING_VALUE]}),
        resource(SERVICE, {"stdin": UNKNOWN_STRING_VALUE}),
    ],
)
def test_a_value_that_is_not_known_in_a_preview_is_left_to_up(args: Any) -> None:
    assert violations(secret_not_in_plain_env, args) == []


def test_what_is_known_is_judged_beside_what_is_not() -> None:
    args = resource(CONTAINER, {"envs": [UNKNOWN_STRING_VALUE, "A_PASSWORD=x"]})
    assert len(violations(secret_not_in_plain_env, args)) == 1

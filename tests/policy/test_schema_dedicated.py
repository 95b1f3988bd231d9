"""`schema-dedicated`."""

from typing import Any

import pytest
from pulumi_policy import Secret
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from policy.environment import CONTAINER
from policy.fly import SECRETS, SERVICE
from policy.rules.schema_dedicated import SCHEMA_RESOURCE, schema_dedicated
from tests.policy.engine import request, resource, violations

GATE = "pulumi-python:dynamic/checks:Supabase"
WEB = "pulumi-python:dynamic/checks:LangfuseWeb"


def url(schema: str | None = "langfuse") -> str:
    return "postgresql://langfuse:word@host:5432/db" + (f"?schema={schema}" if schema is not None else "")


def container(**urls: str) -> Any:
    return resource(CONTAINER, {"envs": Secret(["TZ=UTC", *(f"{name}={value}" for name, value in urls.items())])})


def made(schema: object) -> Any:
    return resource(SCHEMA_RESOURCE, {"schema": schema, "role": "langfuse", "admin_url": Secret(url("postgres"))})


@pytest.mark.parametrize(
    "args",
    [
        made("langfuse"),
        container(DATABASE_URL=url(), DIRECT_URL=url()),
        container(OTHER_URL=url("public")),
        container(),
        resource(CONTAINER),
        resource(GATE, {"direct_url": Secret(url()), "pooled_url": Secret(url()), "schema": "langfuse"}),
        resource(WEB, {"direct_url": UNKNOWN_STRING_VALUE, "schema": "langfuse"}),
        request(SERVICE, {"toml": {"env": {"TZ": "UTC"}}}),
        request(SECRETS, {"values": {"DATABASE_URL": url(), "DIRECT_URL": url()}}, secret=True),
        resource(SECRETS, {"stdin": UNKNOWN_STRING_VALUE}),
        resource("pulumi-python:dynamic/checks:Redis", {"url": "redis://:word@host"}),
    ],
)
def test_one_schema_of_its_own_is_compliant(args: Any) -> None:
    assert violations(schema_dedicated, args) == []


@pytest.mark.parametrize("schema", ["public", "PUBLIC", ' "public" ', "pg_catalog", "auth", "storage", "app", ""])
def test_somebody_elses_schema_is_a_violation(schema: str) -> None:
    for args in (
        made(schema),
        container(DATABASE_URL=url(schema)),
        request(SECRETS, {"values": {"DIRECT_URL": url(schema)}}, secret=True),
    ):
        [message] = violations(schema_dedicated, args)
        assert "belongs to somebody else" in message
        assert "word" not in message


def test_a_url_without_a_schema_is_a_violation() -> None:
    [message] = violations(schema_dedicated, container(DATABASE_URL=url(None)))
    assert "no schema, which means public" in message


@pytest.mark.parametrize(
    "args",
    [
        container(DATABASE_URL=url(), DIRECT_URL=url("other")),
        request(SECRETS, {"values": {"DATABASE_URL": url(), "DIRECT_URL": url("other")}}, secret=True),
        resource(GATE, {"direct_url": Secret(url("other")), "pooled_url": Secret(url("other")), "schema": "langfuse"}),
    ],
)
def test_two_schemas_are_a_violation(args: Any) -> None:
    [message] = violations(schema_dedicated, args)
    assert "is told different schemas" in message
    assert "word" not in message


def test_a_schema_that_is_not_known_in_a_preview_is_a_violation() -> None:
    [message] = violations(schema_dedicated, made(UNKNOWN_STRING_VALUE))
    assert "known only after `up`" in message

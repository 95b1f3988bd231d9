"""Postgres and ClickHouse addresses are read with Prisma's and golang-migrate's eyes."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standin.database_url import DatabaseUrlError, assemble_database_url, parse_database_url
from standin.migrate.clickhouse_url import read_migration_target
from standin.migrate.errors import MigrationError

PARTS = {
    "DATABASE_HOST": "db:5432",
    "DATABASE_USERNAME": "user",
    "DATABASE_PASSWORD": "secret",
    "DATABASE_NAME": "app",
}
CLICKHOUSE = {
    "CLICKHOUSE_MIGRATION_URL": "clickhouse://ch:9000",
    "CLICKHOUSE_USER": "langfuse",
    "CLICKHOUSE_PASSWORD": "secret",
    "CLICKHOUSE_CLUSTER_ENABLED": "false",
}


def test_the_schema_and_the_pooler_come_from_the_query() -> None:
    url = parse_database_url("postgresql://u:p%40w@db:6543/app?schema=langfuse&pgbouncer=true&connection_limit=7")
    assert (url.schema, url.pgbouncer, url.connection_limit) == ("langfuse", True, 7)
    assert url.connection["password"] == "p@w"
    assert url.place == "db:6543"
    assert "p@w" not in repr(url)


def test_without_a_query_it_is_public_and_directly_connected() -> None:
    url = parse_database_url("postgres://u:p@db/app")
    assert (url.schema, url.pgbouncer, url.connection["port"]) == ("public", False, 5432)


def test_only_what_libpq_knows_is_passed_on() -> None:
    url = parse_database_url("postgresql://db/app?sslmode=require&connect_timeout=9&pool_timeout=3&schema=s")
    assert url.connection["sslmode"] == "require"
    assert url.connection["connect_timeout"] == "9"
    assert not {"pool_timeout", "schema"} & set(url.connection)


@pytest.mark.parametrize(
    ("query", "tls"),
    [
        ("", {"sslmode": "prefer"}),
        ("sslmode=disable", {"sslmode": "disable"}),
        ("sslmode=require&sslrootcert=/ca.pem", {"sslmode": "require"}),
        ("sslmode=verify-full", {"sslmode": "prefer"}),
        ("sslmode=require&sslaccept=strict", {"sslmode": "verify-full", "sslrootcert": "system"}),
        ("sslmode=require&sslaccept=strict&sslcert=/ca.pem", {"sslmode": "verify-full", "sslrootcert": "/ca.pem"}),
        ("sslmode=require&sslaccept=accept_invalid_certs", {"sslmode": "require"}),
    ],
)
def test_a_certificate_is_verified_only_where_prisma_does(query: str, tls: dict[str, str]) -> None:
    connection = parse_database_url(f"postgresql://db/app?{query}").connection
    assert {name: value for name, value in connection.items() if name.startswith("ssl")} == tls


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("mysql://db/app", "P1012"),
        ("db:5432", "P1012"),
        ("postgresql://u:a/b@db:5432/app", "P1013"),
        ("postgresql://u:a#b@db:5432/app", "P1013"),
        ("postgresql:///app", "P1013"),
    ],
)
def test_an_address_that_is_none_has_prismas_code(url: str, code: str) -> None:
    with pytest.raises(DatabaseUrlError, match=code):
        parse_database_url(url)


@settings(deadline=None)
@given(st.text())
def test_whatever_is_given_as_address_is_either_read_or_refused(text: str) -> None:
    with contextlib.suppress(DatabaseUrlError):
        assert parse_database_url(f"postgresql://{text}").connection["host"]


def test_an_address_is_assembled_from_its_parts_as_they_are() -> None:
    assert assemble_database_url(PARTS) == "postgresql://user:secret@db:5432/app"
    assert (
        assemble_database_url(PARTS | {"DATABASE_ARGS": "schema=s"}) == "postgresql://user:secret@db:5432/app?schema=s"
    )
    assert assemble_database_url(PARTS | {"DATABASE_URL": "postgresql://other/db"}) == "postgresql://other/db"
    assert assemble_database_url(PARTS | {"DATABASE_PASSWORD": ""}) is None


def test_the_migration_address_takes_user_and_database_from_their_variables() -> None:
    target = read_migration_target(CLICKHOUSE | {"CLICKHOUSE_DB": "lf"})
    assert (target.host, target.port, target.user, target.password) == ("ch", 9000, "langfuse", "secret")
    assert (target.database, target.secure, target.clustered) == ("lf", False, False)


@pytest.mark.parametrize(
    ("password", "sent"), [("a#b", "a"), ("a&b", "a"), ("a+b", "a b"), ("a%41", "aA"), ("plain64", "plain64")]
)
def test_reserved_characters_in_the_password_change_it_on_the_way(password: str, sent: str) -> None:
    assert read_migration_target(CLICKHOUSE | {"CLICKHOUSE_PASSWORD": password}).password == sent


@pytest.mark.parametrize("value", ["true", "False", "0", "", None])
def test_everything_but_the_literal_false_is_a_cluster(value: str | None) -> None:
    variables = CLICKHOUSE | ({"CLICKHOUSE_CLUSTER_ENABLED": value} if value is not None else {})
    if value is None:
        del variables["CLICKHOUSE_CLUSTER_ENABLED"]
    assert read_migration_target(variables).clustered


def test_tls_is_switched_on_without_verification() -> None:
    target = read_migration_target(CLICKHOUSE | {"CLICKHOUSE_MIGRATION_SSL": "true"})
    assert (target.secure, target.verify) == (True, False)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("", "CLICKHOUSE_MIGRATION_URL"),
        ("http://ch:8123", "unknown driver http"),
        ("clickhouse://ch:x", "invalid port"),
    ],
)
def test_an_address_that_is_not_the_native_protocols_is_refused(address: str, expected: str) -> None:
    with pytest.raises(MigrationError, match=expected):
        read_migration_target(CLICKHOUSE | {"CLICKHOUSE_MIGRATION_URL": address})

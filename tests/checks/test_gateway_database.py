"""The gateway's own database on a real Postgres: made, closed to others, confined, migrated, and never Langfuse's."""

import io
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from secrets import token_hex
from typing import Any

import psycopg
import pytest
from psycopg import sql

from checks.gateway_database import GatewayDatabaseProvider
from checks.supabase import SchemaProvider
from tests.checks.containers import docker, images
from tests.checks.gates import green, red
from tests.checks.postgres_database import OWNER, Database
from urls import postgres_url

pytestmark = pytest.mark.docker

MIGRATIONS = "/usr/local/lib/python3.11/dist-packages/litellm_proxy_extras/migrations"
PASSWORD = "canary-of-the-gateway"


class Gateway:
    """A database of the gateway's own beside Langfuse's, on the same server."""

    def __init__(self, langfuse: Database) -> None:
        self.name = self.role = f"litellm_{token_hex(4)}"
        self.inputs = {
            "admin_url": langfuse.admin_url,
            "database": self.name,
            "schema": "litellm",
            "role": self.role,
            "role_password": PASSWORD,
            "owner": OWNER,
            "event_trigger": False,
            "deadline_seconds": 5,
        }

    def url(self, database: str | None = None, schema: str = "litellm") -> str:
        server = postgres_url(str(self.inputs["admin_url"]))
        there = replace(server, user=self.role, password=PASSWORD, path=database or self.name)
        return replace(there, parameters=(("schema", schema),)).prisma()

    def run(self, statement: str, database: str | None = None) -> list[Any]:
        with psycopg.connect(postgres_url(self.url(database)).libpq(), autocommit=True) as db:
            cursor = db.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


@pytest.fixture
def gateway(database: Database) -> Iterator[Gateway]:
    made = Gateway(database.with_schema())
    yield made
    with psycopg.connect(database.admin_url, autocommit=True) as db:
        db.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(made.name)))


def gate(gateway: Gateway, **altered: Any) -> dict[str, Any]:
    return {"url": gateway.url(**altered), "deadline_seconds": 5}


def test_it_is_made_once_and_keeps_its_rows(gateway: Gateway) -> None:
    first = green(SchemaProvider, gateway.inputs)
    gateway.run("CREATE TABLE kept AS SELECT 7 AS id")
    assert green(SchemaProvider, gateway.inputs)["identity"] == first["identity"]
    assert gateway.run("SELECT id FROM litellm.kept") == [(7,)]


def test_neither_application_reads_the_others_database(gateway: Gateway, database: Database) -> None:
    green(SchemaProvider, gateway.inputs)
    database.langfuse("CREATE TABLE langfuse.secret AS SELECT 1 AS id")
    for statement in ("SELECT * FROM langfuse.secret", "SELECT * FROM app.customers", "CREATE TABLE public.x (id int)"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            gateway.run(statement, database.name)
    host, _, port = database.server.published[5432].partition(":")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(host=host, port=port, dbname=gateway.name, user=database.role, password=database.password)


def test_the_role_may_not_drop_its_database_or_make_another(gateway: Gateway) -> None:
    green(SchemaProvider, gateway.inputs)
    for statement in (f"DROP DATABASE {gateway.name}", "CREATE DATABASE other", "CREATE ROLE other"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            gateway.run(statement, "postgres")


def shipped_migrations() -> Iterator[tuple[str, str]]:
    """Every migration of the pinned LiteLLM, in the order in which Prisma applies them."""
    image = images(frozenset({"litellm"}))["litellm"]
    container = docker("create", image).strip()
    try:
        packed = subprocess.run(["docker", "cp", f"{container}:{MIGRATIONS}", "-"], capture_output=True, check=True)
    finally:
        docker("rm", container)
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as files:
        for name in sorted(name for name in files.getnames() if name.endswith("/migration.sql")):
            content = files.extractfile(name)
            assert content is not None
            yield name, content.read().decode()


def test_every_migration_of_the_pinned_litellm_runs_with_the_roles_rights_in_its_schema(
    gateway: Gateway, database: Database
) -> None:
    """Prisma's engine, which applies them in LiteLLM's own image, is not needed for what they ask of the database."""
    green(SchemaProvider, gateway.inputs)
    count = 0
    for name, text in shipped_migrations():
        try:
            gateway.run(text)
        except psycopg.Error as error:
            raise AssertionError(f"{name}: {error}") from None
        count += 1
    assert count > 50
    tables = dict(gateway.run("SELECT tablename, schemaname FROM pg_tables WHERE tablename LIKE 'LiteLLM_%'"))
    assert tables["LiteLLM_VerificationToken"] == "litellm"
    assert set(tables.values()) == {"litellm"}
    assert green(GatewayDatabaseProvider, gate(gateway))["tables"] == len(tables)
    assert database.admin("SELECT 1 FROM pg_tables WHERE tablename LIKE 'LiteLLM_%'") == []


def test_an_empty_schema_passes_and_langfuses_own_is_refused_without_a_trace(
    gateway: Gateway, database: Database
) -> None:
    green(SchemaProvider, gateway.inputs)
    assert green(GatewayDatabaseProvider, gate(gateway))["tables"] == 0
    database.langfuse("CREATE TABLE langfuse._prisma_migrations (id text)", "CREATE TABLE langfuse.prompts (id text)")
    found = red(GatewayDatabaseProvider, {"url": database.url(), "deadline_seconds": 5})
    assert "Langfuse is one" in found.seen
    assert "database of its own" in found.fix


def test_a_wrong_password_is_told_and_never_shown(gateway: Gateway) -> None:
    green(SchemaProvider, gateway.inputs)
    wrong = gateway.url().replace(PASSWORD, "canary-wrong")
    found = red(GatewayDatabaseProvider, {"url": wrong, "deadline_seconds": 2})
    assert "28P01" in found.seen

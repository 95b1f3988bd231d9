"""A database with somebody else's data and Langfuse's schema in it, for tests that break or inspect it."""

from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from checks.supabase import SchemaProvider
from tests.checks.containers import Container, blueprint, gate_inputs
from tests.checks.gates import green

OWNER = "0123456789abcdef"
FOREIGN_APP = "/docker-entrypoint-initdb.d/foreign_app.sql"


@dataclass(frozen=True)
class Database:
    """One database of a server, and the Langfuse role that only this database uses."""

    server: Container
    name: str
    role: str
    password: str
    guarded: bool = False
    """Whether it refuses to drop foreign tables; most tests break those on purpose."""

    @property
    def admin_url(self) -> str:
        """As the server's administrator."""
        return self.server.postgres_url(self.name)

    def url(self, password: str | None = None) -> str:
        """As the Langfuse role, the way Langfuse is given it."""
        secret = self.password if password is None else password
        return f"postgresql://{self.role}:{secret}@{self.server.published[5432]}/{self.name}?schema=langfuse"

    def schema_inputs(self) -> dict[str, Any]:
        """What the program gives the `LangfuseSchema`."""
        return {
            **gate_inputs("langfuse-schema"),
            "admin_url": self.admin_url,
            "role": self.role,
            "role_password": self.password,
            "event_trigger": self.guarded,
            "owner": OWNER,
            "deadline_seconds": 5,
        }

    def gate_inputs(self) -> dict[str, Any]:
        """What the program gives the `SupabaseGate`."""
        own = {"direct_url": self.url(), "pooled_url": self.url(), "deadline_seconds": 5}
        return {**gate_inputs("postgres-gate"), **own}

    def foreign_inputs(self) -> dict[str, Any]:
        """What the program gives the `ForeignUntouched`."""
        return {**gate_inputs("foreign-after"), "admin_url": self.admin_url, "deadline_seconds": 5}

    def with_schema(self) -> "Database":
        """The same, now with Langfuse's schema and role."""
        green(SchemaProvider, self.schema_inputs())
        return self

    def admin(self, *statements: LiteralString, table: str = "") -> list[Any]:
        """Run statements as the administrator; rows of the last.

        Args:
            statements: with `{role}`, `{database}` and `{table}` for their names.
            table: name of a table in the foreign schema.
        """
        with psycopg.connect(self.admin_url, autocommit=True) as db:
            return self._run(db, statements, table)

    def langfuse(self, *statements: LiteralString) -> list[Any]:
        """Run statements as the Langfuse role; rows of the last."""
        host, _, port = self.server.published[5432].partition(":")
        with psycopg.connect(
            host=host, port=port, dbname=self.name, user=self.role, password=self.password, autocommit=True
        ) as db:
            return self._run(db, statements)

    def _run(self, db: psycopg.Connection[Any], statements: tuple[LiteralString, ...], table: str = "") -> list[Any]:
        rows: list[Any] = []
        for statement in statements:
            names = {
                "role": sql.Identifier(self.role),
                "database": sql.Identifier(self.name),
                "table": sql.Identifier("app", table),
            }
            cursor = db.execute(sql.SQL(statement).format(**names))
            rows = cursor.fetchall() if cursor.description else []
        return rows


def new_database(server: Container, name: str) -> Database:
    """A database that holds the program's foreign `app` schema; it goes when its server does."""
    database = Database(server, name, f"role_{name}", f"canary-of-{name}")
    with psycopg.connect(server.postgres_url("postgres"), autocommit=True) as db:
        db.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    with psycopg.connect(database.admin_url, autocommit=True) as db:
        db.execute(blueprint("postgres").files[FOREIGN_APP].encode())
    return database

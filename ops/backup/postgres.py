"""Langfuse's schema in Postgres: a dump and its fingerprint out of one snapshot, and a restore under another name."""

import contextlib
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from checks.trust import authorities
from ops.backup.errors import told
from ops.backup.manifest import Table
from ops.session import OpsError
from platforms.docker.client import argv as docker_argv
from urls import postgres_url

if TYPE_CHECKING:
    from psycopg import Connection

SQL = Path(__file__).with_name("sql")
PROJECTS = "projects"


@dataclass(frozen=True)
class Server:
    """A Postgres database, and where `pg_dump` and `pg_restore` of its version are.

    Args:
        url: as a role that may read the schema, and make schemas to restore into one.
        container: in which the tools are; None for this machine's own.
        variables: environment that finds Docker.
    """

    url: str
    container: str | None
    variables: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def at_database(self, name: str) -> "Server":
        """Another database of the same server."""
        return replace(self, url=replace(postgres_url(self.url), path=name).prisma())

    @contextlib.contextmanager
    def session(self, database: str | None = None) -> "Iterator[Connection[Any]]":
        """A connection for the time of the block; to another database of the server if one is named."""
        import psycopg

        with told("reach Postgres"):
            url = postgres_url(self.url)
            to = replace(url, path=database or url.path)
            db = psycopg.connect(to.libpq(), connect_timeout=5, autocommit=True)
        with db:
            yield db

    @contextlib.contextmanager
    def tool(
        self, name: str, *options: str, database: str | None = None, stdin: IO[bytes] | None = None
    ) -> Iterator[IO[bytes]]:
        """Run `pg_dump` or `pg_restore`; its output, whole once the block has ended.

        Raises:
            OpsError: it is not there, or failed.
        """
        argv, variables = self._command(name, database)
        with told(f"run {name}"), tempfile.TemporaryFile() as complaints:
            with subprocess.Popen(
                [*argv, *options],
                stdin=stdin or subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=complaints,
                env=variables,
            ) as process:
                assert process.stdout is not None  # noqa: S101 - it is a pipe
                try:
                    yield process.stdout
                except BaseException:
                    process.kill()
                    raise
            if process.returncode:
                complaints.seek(0)
                raise OpsError(f"{name}: {complaints.read().decode(errors='replace').strip()[-2000:]}")

    def _command(self, name: str, database: str | None) -> tuple[list[str], dict[str, str]]:
        url = postgres_url(self.url)
        named = replace(url, password="", path=database or url.path)
        if self.container:  # over the container's own socket, which takes its administrator without a password
            target = [f"--username={named.user}", f"--dbname={named.path}"]
            return docker_argv("exec", "--interactive", self.container, name, *target), dict(self.variables)
        if not shutil.which(name):
            raise OpsError(f"{name} is not on this machine: install the PostgreSQL client of the server's version")
        return [name, f"--dbname={named.libpq(authorities())}"], {**self.variables, "PGPASSWORD": url.password}


@dataclass(frozen=True)
class Fingerprint:
    """What a schema holds."""

    version: str
    owner: str
    ledger: int
    tables: Sequence[Table]


@contextlib.contextmanager
def snapshot(server: Server, schema: str) -> Iterator[tuple[str, Fingerprint]]:
    """A moment of the database that a dump can be made of, and what the schema held at that moment.

    Raises:
        OpsError: Postgres does not answer, or there is no such schema.
    """
    with server.session() as db, db.transaction():
        db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield str(db.execute("SELECT pg_export_snapshot()").fetchall()[0][0]), fingerprint(db, schema)


def fingerprint(db: "Connection[Any]", schema: str) -> Fingerprint:
    """Count and hash the rows of every table of a schema. Call it inside a transaction.

    Raises:
        OpsError: there is no such schema.
    """
    from psycopg import sql

    with told(f"read schema {schema}"):
        for statement in _read("postgres_settings.sql").split(";"):
            db.execute(statement.encode())
        owner = db.execute(_read("postgres_owner.sql").encode(), [schema]).fetchall()
        if not owner:
            raise OpsError(f"there is no schema {schema}")
        found, ledger = [], 0
        for [name] in db.execute(_read("postgres_tables.sql").encode(), [schema]).fetchall():
            table = sql.Identifier(schema, name)
            content = sql.SQL(_literal("postgres_content.sql")).format(table=table)
            [(rows, digest)] = db.execute(content).fetchall()
            found.append(Table(name=name, rows=rows, hash=digest))
            if name == "_prisma_migrations":
                finished = sql.SQL(_literal("postgres_ledger.sql")).format(table=table)
                ledger = int(db.execute(finished).fetchall()[0][0])
        version = str(db.execute("SHOW server_version").fetchall()[0][0]).split()[0]
    return Fingerprint(version, owner[0][0], ledger, found)


def exists(server: Server, schema: str) -> bool:
    """Whether there is a schema of that name."""
    with server.session() as db:
        return bool(db.execute(_read("postgres_owner.sql").encode(), [schema]).fetchall())


def make_database(server: Server, name: str) -> Server:
    """Make an empty database; as what it is reached."""
    from psycopg import sql

    with server.session() as db, told(f"make database {name}"):
        db.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    return server.at_database(name)


def restore(server: Server, dump: IO[bytes], database: str | None = None, *options: str) -> None:
    """Restore a dump under the name that its schema had. All of it or nothing.

    Args:
        server: where to.
        dump: custom format.
        database: of the server; its own one unless another is named.
        options: further ones of `pg_restore`.

    Raises:
        OpsError: it failed.
    """
    whole = ("--single-transaction", "--exit-on-error")
    with server.tool("pg_restore", *whole, *options, database=database, stdin=dump) as output:
        output.read()


def restore_as(server: Server, dump: IO[bytes], schema: str, into: str) -> None:
    """Restore a dump under another name: in a database made for it, renamed there, and brought over from there.

    It belongs to the role of `server`, not to Langfuse's, which may touch no schema but its own.

    Raises:
        OpsError: it failed; the schema `into` is then not there.
    """
    from psycopg import sql

    passage = f"langfuse_restore_{secrets.token_hex(6)}"
    with server.session() as db:
        with told("make a database to restore in"):
            db.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(passage)))
        try:
            restore(server, dump, passage, "--no-owner", "--no-privileges")
            with server.session(passage) as inside, told(f"rename schema {schema} to {into}"):
                names = {"old": sql.Identifier(schema), "new": sql.Identifier(into)}
                inside.execute(sql.SQL("ALTER SCHEMA {old} RENAME TO {new}").format(**names))
            with tempfile.TemporaryFile() as renamed:
                with server.tool("pg_dump", "--format=custom", f"--schema={into}", database=passage) as output:
                    shutil.copyfileobj(output, renamed)
                renamed.seek(0)
                restore(server, renamed)
        finally:
            # Its name was made up above, so it is nobody else's.
            db.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(passage)))


def make_role(server: Server, name: str) -> None:
    """Make the role that owns a dump's schema, without the right to log in."""
    from psycopg import sql

    with server.session() as db, told(f"make role {name}"):
        if not db.execute("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = %s", [name]).fetchall():
            db.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(name)))


def let_in(server: Server, name: str) -> None:
    """Give a role the right to log in."""
    from psycopg import sql

    with server.session() as db, told(f"let role {name} in"):
        db.execute(sql.SQL("ALTER ROLE {} LOGIN").format(sql.Identifier(name)))


def has_project(server: Server, schema: str, project: str) -> bool:
    """Whether a schema has Langfuse's project of that id; not where it has no projects yet."""
    from psycopg import sql

    with server.session() as db, told("look for the project"):
        if [PROJECTS] not in [list(row) for row in db.execute(_read("postgres_tables.sql").encode(), [schema])]:
            return False
        counted = sql.SQL(_literal("postgres_project.sql")).format(projects=sql.Identifier(schema, PROJECTS))
        return bool(db.execute(counted, [project]).fetchall()[0][0])


def at(url: str, address: str) -> str:
    """`url` with another host and port, and the database that every server has."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[0]}@{address}/postgres"


def _read(file: str) -> str:
    return (SQL / file).read_text(encoding="utf-8")


def _literal(file: str) -> Any:
    return _read(file)

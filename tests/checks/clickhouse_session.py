"""A logged-in client for tests that break or inspect a server."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clickhouse_connect.driver.exceptions import DatabaseError

from checks.clickhouse_login import Login
from tests.checks.containers import Container, gate_inputs

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


@dataclass(frozen=True)
class Session:
    """Runs statements as one of the stack's users."""

    client: "Client"

    def run(self, statement: str) -> None:
        """Run it; raises DatabaseError when it is refused."""
        self.client.command(statement)

    def values(self, query: str) -> list[Any]:
        """The first column of a query's rows."""
        return [row[0] for row in self.client.query(query).result_rows]

    def fill(self, database: str, table: str, **columns: Sequence[Any]) -> None:
        """Insert rows, given as the values of each column."""
        rows = list(zip(*columns.values(), strict=True))
        self.client.insert(table, rows, column_names=list(columns), database=database)

    def rows(self, database: str, table: str) -> int:
        """Number of rows in a table."""
        names = {"database": database, "table": table}
        query = "SELECT count() FROM {database:Identifier}.{table:Identifier}"
        return int(self.client.query(query, parameters=names).result_rows[0][0])

    def refusal(self, statement: str) -> int | None:
        """Code of the error that a statement is refused with, or None when it is not."""
        try:
            self.run(statement)
        except DatabaseError as error:
            return error.code
        return None

    @contextmanager
    def user(self, name: str, identified: str) -> Iterator[None]:
        """A user for the time of the block."""
        self.run(f"CREATE USER {name} {identified}")
        try:
            yield
        finally:
            self.run(f"DROP USER {name}")


@contextmanager
def session_with(login: Login) -> Iterator[Session]:
    """A session for the time of the block."""
    client = login.client()
    try:
        yield Session(client)
    finally:
        client.close()


def as_operator(server: Container) -> Login:
    """The operator's user of a server that the program describes."""
    given = gate_inputs("clickhouse-gate")
    return Login(server.published[8123], given["admin_user"], given["admin_password"], given["database"])


def as_langfuse(server: Container) -> Login:
    """Langfuse's user of a server that the program describes."""
    given = gate_inputs("clickhouse-gate")
    return Login(server.published[8123], given["user"], given["password"], given["database"])

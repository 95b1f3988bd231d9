"""A session on one ClickHouse server: bounded in time, and every refusal a finding."""

import logging
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from checks.base import CheckFailedError, first_line
from urls import NativeUrl, http_url, native_url

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client
    from clickhouse_driver import Client as NativeClient

SQL = Path(__file__).parent / "sql"
TIMEOUT_SECONDS = 5
ACCESS_DENIED = 497


@dataclass(frozen=True)
class Login:
    """How to reach and enter one ClickHouse server over HTTP."""

    http_address: str
    """`host:port` of the stack's own server; of somebody else's, the URL."""
    user: str
    password: str
    database: str
    secret: str = "clickhouse-password"  # noqa: S105 - a name
    """Name of the stack's secret that holds the password, for messages."""
    answer_seconds: float = field(default=TIMEOUT_SECONDS, kw_only=True)
    """How long one answer may take."""

    @property
    def is_external(self) -> bool:
        """Whether the server is somebody else's."""
        return "://" in self.http_address

    @property
    def url(self) -> str:
        """Where it is, without the login."""
        return http_url(self.http_address)

    def client(self, *, password: str | None = None, user: str | None = None) -> "Client":
        """A connected client.

        Raises:
            Exception: whatever the driver raises when it cannot connect or log in.
        """
        import clickhouse_connect

        silence("clickhouse_connect")
        address = urlsplit(self.url)
        return clickhouse_connect.get_client(
            host=str(address.hostname),
            port=int(address.port or 0),
            secure=address.scheme == "https",
            username=user or self.user,
            password=self.password if password is None else password,
            connect_timeout=TIMEOUT_SECONDS,
            send_receive_timeout=self.answer_seconds,
            autogenerate_session_id=False,
        )

    def native(self, address: str) -> "NativeClient":
        """A client of the native protocol at `host:port`, or at a URL with `?secure=true` for TLS."""
        from clickhouse_driver import Client as NativeClient

        silence("clickhouse_driver")
        host, _, port = address.rpartition(":")
        url = native_url(address) if "://" in address else NativeUrl(host, int(port), tls=False)
        return NativeClient(  # type: ignore[no-untyped-call]
            url.host,
            port=url.port,
            secure=url.tls,
            ca_certs=ssl.get_default_verify_paths().cafile,  # the driver would look nowhere but into its own bundle
            user=self.user,
            password=self.password,
            connect_timeout=TIMEOUT_SECONDS,
            send_receive_timeout=TIMEOUT_SECONDS,
        )

    def connect(self) -> "Client":
        """A connected client, or the reason why there is none.

        Raises:
            CheckFailedError: the server does not answer or refuses the password.
        """
        try:
            return self.client()
        except Exception as error:
            if is_refusal(error):
                raise CheckFailedError(
                    f"login as {self.user} at {self.url}",
                    "Code 516: authentication failed",
                    "put the login that the server takes into CLICKHOUSE_URL of the vault"
                    if self.is_external
                    else f"the server runs with another password than the stack's `{self.secret}`: "
                    "run `make up`, which starts it with the stack's own; never recreate the volume",
                    final=True,
                ) from None
            raise CheckFailedError(
                f"GET {self.url}/?query=SELECT 1",
                first_line(error),
                "see that the server runs, and CLICKHOUSE_URL of the vault"
                if self.is_external
                else "see `docker logs` of the ClickHouse container for why it does not serve yet",
            ) from None


def silence(library: str) -> None:
    """Keep a driver from logging refused connections, tracebacks and all: here each one becomes a finding."""
    logging.getLogger(library).setLevel(logging.CRITICAL + 1)


def is_refusal(error: Exception) -> bool:
    """Whether ClickHouse refused the user or password (codes 516 and 194)."""
    text = str(error)
    return getattr(error, "code", None) in {516, 194} or any(
        sign in text for sign in ("Code: 516", "code 516", "Code: 194", "AUTHENTICATION_FAILED", "REQUIRED_PASSWORD")
    )


def rows(client: "Client", query: str, **parameters: Any) -> list[Sequence[Any]]:
    """Rows of a query, or of the query in the file `checks/sql/<query>` when it ends in `.sql`."""
    text = (SQL / query).read_text(encoding="utf-8") if query.endswith(".sql") else query
    try:
        return list(client.query(text, parameters=parameters).result_rows)
    except Exception as error:
        denied = getattr(error, "code", None) == ACCESS_DENIED
        fix = "GRANT the user what the message names" if denied else "see ClickHouse's log"
        raise CheckFailedError(query, first_line(error), fix, final=denied) from None

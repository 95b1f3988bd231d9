"""The gate of somebody else's ClickHouse, against a real one that speaks TLS alone and has a login for one database."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from checks.clickhouse import UNSEEN, ClickHouseProvider
from checks.clickhouse_login import Login
from checks.clickhouse_rights import NEEDED
from tests.certificates import certify
from tests.checks.clickhouse_session import Session, session_with
from tests.checks.containers import Blueprint, images, run
from tests.checks.gates import green, proven_after, red, refused_after

pytestmark = pytest.mark.docker

CONFIG = Path(__file__).parents[1] / "files" / "clickhouse-tls.xml"
OWNER = "canary-of-the-owner"
PASSWORD = "canary-of-jane"
HTTPS, NATIVE = 8443, 9440


@dataclass(frozen=True)
class Server:
    """Somebody's server."""

    https: str
    native: str
    owner: Session

    def inputs(self, **altered: Any) -> dict[str, Any]:
        """What the program gives the gate."""
        login = {"user": "jane", "password": PASSWORD, "admin_user": "jane", "admin_password": PASSWORD}
        place = {"http_address": self.https, "native_address": self.native, "database": "langfuse"}
        known = {"floor": [24, 3], "release": "3", "cluster": False, "external": True, "deadline_seconds": 5}
        return {**login, **place, **known, **altered}


@pytest.fixture(scope="module")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("authority") / "tls"
    certify(folder, "IP:127.0.0.1")
    env = {"CLICKHOUSE_USER": "owner", "CLICKHOUSE_PASSWORD": OWNER, "CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT": "1"}
    files = {"/etc/clickhouse-server/config.d/tls.xml": CONFIG.read_text()}
    files |= {f"/tls/{name}": (folder / name).read_text() for name in ("server.pem", "server.key")}
    plan = Blueprint("clickhouse", env, (), files, (HTTPS, NATIVE))
    container = run(plan, images(frozenset({"clickhouse"}))["clickhouse"])
    try:
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))
            https = f"https://{container.published[HTTPS]}"
            native = f"clickhouse://{container.published[NATIVE]}?secure=true"
            owner = Login(https, "owner", OWNER, "default")
            _until_it_answers(owner)
            with session_with(owner) as session:
                yield Server(https, native, session)
    finally:
        container.remove()


def _until_it_answers(login: Login) -> None:
    from checks.base import until_healthy

    until_healthy(lambda: login.connect().close(), deadline_seconds=60)


@pytest.fixture
def server(_server: Server) -> Server:
    """With the database and the login that its owner gave Langfuse."""
    for statement in (
        "DROP DATABASE IF EXISTS langfuse SYNC",
        "DROP ROLE IF EXISTS everything",
        "CREATE DATABASE langfuse",
        f"CREATE USER OR REPLACE jane IDENTIFIED BY '{PASSWORD}'",
        "GRANT ALL ON langfuse.* TO jane",
    ):
        _server.owner.run(statement)
    return _server


def test_a_server_that_lets_langfuse_in_over_tls_is_proven_and_the_rest_is_said(server: Server) -> None:
    evidence = green(ClickHouseProvider, server.inputs())
    assert evidence["not_proven"] == list(UNSEEN)
    assert evidence["ledger"] == 0
    proven_after(ClickHouseProvider, server.inputs(), evidence)


def test_an_absent_database_is_refused_with_the_statements_that_make_it(server: Server) -> None:
    server.owner.run("DROP DATABASE langfuse SYNC")
    found = red(ClickHouseProvider, server.inputs())
    assert found.probe == f"database langfuse at {server.https}"
    assert "CREATE DATABASE langfuse" in found.fix
    assert "GRANT ALL ON langfuse.* TO jane" in found.fix


@pytest.mark.parametrize("need", [need for need in NEEDED if need not in {"SELECT", "CREATE TABLE", "CREATE VIEW"}])
def test_a_right_that_is_missing_is_named_with_the_statement_that_gives_it(need: str, server: Server) -> None:
    server.owner.run(f"REVOKE {need} ON langfuse.* FROM jane")
    found = red(ClickHouseProvider, server.inputs())
    assert found.seen == f"missing: {need} ON langfuse.*"
    assert found.fix == f"GRANT {need} ON langfuse.* TO jane"


def test_rights_that_a_role_may_give_are_not_proven_rather_than_missing(server: Server) -> None:
    for statement in (
        "REVOKE ALL ON langfuse.* FROM jane",
        "GRANT SELECT ON langfuse.* TO jane",
        "CREATE ROLE everything",
        "GRANT ALL ON langfuse.* TO everything",
        "GRANT everything TO jane",
    ):
        server.owner.run(statement)
    first, *_ = green(ClickHouseProvider, server.inputs())["not_proven"]
    assert "what the roles everything give is not seen" in first


def test_a_database_made_anew_is_not_the_one_that_was_proven(server: Server) -> None:
    evidence = green(ClickHouseProvider, server.inputs())
    server.owner.run("DROP DATABASE langfuse SYNC")
    server.owner.run("CREATE DATABASE langfuse")
    assert "was" in refused_after(ClickHouseProvider, server.inputs(), evidence).seen


def test_a_wrong_password_is_refused_with_the_key_of_the_vault(server: Server) -> None:
    found = red(ClickHouseProvider, server.inputs(password="canary-of-nobody"))
    assert "516" in found.seen
    assert "CLICKHOUSE_URL of the vault" in found.fix


def test_an_authority_that_nobody_knows_is_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    found = red(ClickHouseProvider, server.inputs(deadline_seconds=1))
    assert "CERTIFICATE_VERIFY_FAILED" in found.seen
    assert "of the vault" in found.fix


def test_the_native_port_without_tls_is_refused(server: Server) -> None:
    plain = server.native.removesuffix("?secure=true").removeprefix("clickhouse://")
    found = red(ClickHouseProvider, server.inputs(native_address=plain, deadline_seconds=1))
    assert found.probe == f"native login as jane at {plain}"

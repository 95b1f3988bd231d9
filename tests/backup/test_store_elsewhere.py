"""Which store backups go to where one of the stores is somebody else's, and which backups are refused."""

from typing import Any

import pytest

from ops.backup.access import store_of
from ops.backup.clickhouse import Place
from ops.backup.store import Store
from ops.session import OpsError, RefusedError
from ops.state import State
from settings import load

CLICKHOUSE, S3 = {"clickhouse:place": "external"}, {"s3:place": "external"}
OWN = {
    "endpoint": "127.0.0.1:9090",
    "internal": "minio:9000",
    "access_key": "langfuse-backup",
    "secret_key": "canary",
    "bucket": "langfuse-backups",
    "data": ["langfuse-events"],
}
FOREIGN = {
    **OWN,
    "endpoint": "https://s3.example.com",
    "internal": "https://s3.example.com",
    "prefix": "team/",
    "data": ["one", "one", "one"],
}


def found(settings: dict[str, str], name: str, outputs: dict[str, Any]) -> Store:
    entry = {"urn": f"urn:pulumi:test::langfuse-stack::x::{name}", "type": "x", "outputs": outputs}
    state = State({"deployment": {"resources": [entry]}})
    return store_of(load(settings), state, lambda value: value)


def test_clickhouse_of_the_stacks_own_has_the_key_and_is_given_none() -> None:
    place = found({}, "minio-backup-key", OWN).place("b")
    assert place.sql == "S3('http://minio:9000/langfuse-backups/b/clickhouse')"


def test_a_clickhouse_elsewhere_is_given_the_key_of_a_store_elsewhere() -> None:
    store = found(CLICKHOUSE | S3, "s3-gate", FOREIGN)
    url = "https://s3.example.com/langfuse-backups/b/clickhouse"
    assert store.place("b").sql == f"S3('{url}', 'langfuse-backup', 'canary')"
    assert "canary" not in f"{store!r} {store.place('b')!r}"
    assert (store.prefix, store.data) == ("team/", ("one",))


def test_a_key_that_a_failure_quotes_is_not_shown() -> None:
    place = Place("https://s3.example.com/b", ("id", "canary'quoted"))
    assert place.sql == "S3('https://s3.example.com/b', 'id', 'canary\\'quoted')"
    with pytest.raises(OpsError) as caught, place.unshown():
        raise OpsError("failed at BACKUP … canary'quoted")
    assert "canary" not in str(caught.value)


def test_a_clickhouse_elsewhere_cannot_write_to_the_stacks_own_store() -> None:
    with pytest.raises(RefusedError, match="set s3:place external"):
        found(CLICKHOUSE, "minio-backup-key", OWN)


def test_with_a_role_there_is_no_key_to_write_backups_with() -> None:
    with pytest.raises(RefusedError, match="s3:credentials is role"):
        found(S3 | {"s3:credentials": "role"}, "s3-gate", {**FOREIGN, "access_key": ""})

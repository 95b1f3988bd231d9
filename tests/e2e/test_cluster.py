"""Two of everything on Docker: a server is killed while traces come in, nothing is lost, and it catches up."""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, BinaryIO, Self, cast

import pytest
import yaml

from checks.base import CheckFailedError
from checks.clickhouse import ClickHouseProvider
from checks.clickhouse_login import Login
from checks.s3 import S3
from checks.trace import PublicApi
from components.releases import RELEASES
from ops.backup.store import connect
from tests.checks.gates import green, red
from tests.e2e.stack import Run, TestStack, new_stack

pytestmark = [pytest.mark.e2e, pytest.mark.soak, pytest.mark.timeout(2400)]

TWO_OF_ALL = {"clickhouse:replicas": "2", "web:replicas": "2", "worker:replicas": "2"}
SERVERS = ("clickhouse", "clickhouse-2")
SETTLED_SECONDS = 90
FILLED = (
    "SELECT name FROM system.tables "
    "WHERE database = 'moved' AND total_rows > 0 AND name IN ('traces', 'observations', 'scores')"
)
TRACES = (
    "SELECT getMacro('replica'), uniqExact(id) FROM clusterAllReplicas('default', langfuse.traces) "
    "WHERE user_id = {user:String} OR has({ids:Array(String)}, id) GROUP BY 1"
)
"""Server to how many of the wanted traces it has."""


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestStack, Run]]:
    stack = new_stack(tmp_path_factory.mktemp("cluster"), TWO_OF_ALL)
    try:
        added = stack.ops("inventory")
        assert added.code == 0, added.output
        yield stack, stack.ops("up")
    finally:
        stack.remove()


@pytest.fixture
def cluster(first: tuple[TestStack, Run]) -> TestStack:
    stack, run = first
    assert run.code == 0, run.output
    return stack


@dataclass
class Sender:
    """Sends traces all the time, tries to read them meanwhile, and counts."""

    stack: TestStack
    user: str = field(default_factory=lambda: f"sender-{token_hex(4)}")
    accepted: int = 0
    refused: int = 0
    read: list[float] = field(default_factory=list)
    """When a trace was read through the API."""
    said: str = ""
    """The last refusal."""
    _done: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        """Begin."""
        outputs = self.stack.outputs()
        self._api = PublicApi(
            f"http://127.0.0.1:{self.stack.config['langfuse:webPort']}",
            outputs["langfuse_public_key"],
            outputs["langfuse_secret_key"],
            RELEASES["3"].find_path,
        )
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._send, self._read)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Send what is under way, and no more."""
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _send(self) -> None:
        while not self._done.wait(0.02):
            try:
                self._api.send_trace(self.user)
                self.accepted += 1
            except CheckFailedError as refusal:
                self.refused += 1
                self.said = str(refusal)

    def _read(self) -> None:
        while not self._done.wait(0.25):
            try:
                self._api.find_trace(self.user)
                self.read.append(time.monotonic())
            except CheckFailedError as refusal:
                self.said = str(refusal)


def inputs_of(stack: TestStack, resource: str) -> dict[str, Any]:
    """Inputs of a resource, secrets in plain."""
    export = stack.shell("pulumi", "stack", "export", "--show-secrets", "--stack", "test").json
    [found] = [entry for entry in export["deployment"]["resources"] if entry["urn"].endswith(f"::{resource}")]
    return {key: _revealed(value) for key, value in found["inputs"].items() if not key.startswith("__")}


def gate_of(stack: TestStack) -> dict[str, Any]:
    """Inputs of the ClickHouse gate, which gives up soon."""
    return {**inputs_of(stack, "clickhouse-gate"), "deadline_seconds": 6}


def _revealed(value: Any) -> Any:
    return json.loads(value["plaintext"]) if isinstance(value, dict) and "plaintext" in value else value


def admin(stack: TestStack) -> Login:
    """The operator's login, by way of the one address."""
    gate = gate_of(stack)
    return Login(gate["http_address"], gate["admin_user"], gate["admin_password"], gate["database"])


def asked(login: Login, query: str, **parameters: Any) -> list[Any]:
    client = login.client()
    try:
        return list(client.query(query, parameters=parameters).result_rows)
    finally:
        client.close()


def told(login: Login, statement: str, **parameters: Any) -> None:
    client = login.client()
    try:
        client.command(statement, parameters=parameters)
    finally:
        client.close()


def serving(login: Login) -> str:
    """Which server the one address leads to."""
    return str(asked(login, "SELECT getMacro('replica')")[0][0])


def settled(probe: Callable[[], Any], wanted: Any, seconds: float = SETTLED_SECONDS) -> Any:
    """What `probe` says once it says what is wanted, or in the end."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            found = probe()
        except Exception as error:  # noqa: BLE001 - a server that is down has many ways of saying so
            found = error
        if found == wanted or time.monotonic() > deadline:
            return found
        time.sleep(0.5)


def on_each(login: Login, user: str = "nobody", ids: Sequence[str] = ()) -> dict[str, int]:
    """Server to how many of the wanted traces it has."""
    return {name: int(count) for name, count in asked(login, TRACES, user=user, ids=list(ids))}


def test_two_of_all_are_put_up_and_a_second_up_changes_nothing(first: tuple[TestStack, Run]) -> None:
    stack, run = first
    assert run.code == 0, run.output
    assert "✓ read back by the API" in run.output
    again = stack.ops("up")
    assert again.code == 0, again.output
    assert not any(word in again.output for word in (" created", " updated", " replaced", " deleted"))
    status = stack.ops("status", "--json").json
    assert status["healthy"]
    assert {"clickhouse", "clickhouse-2", "clickhouse-proxy", "langfuse-web-2", "langfuse-worker-2"} <= {
        entry["service"] for entry in status["services"]
    }


def test_every_table_but_two_of_langfuses_own_is_replicated_and_smoke_is_green(cluster: TestStack) -> None:
    login = admin(cluster)
    [[servers]] = asked(login, "SELECT count() FROM system.clusters WHERE cluster = 'default'")
    assert servers == 2
    engines = asked(login, "SELECT name, engine FROM system.tables WHERE database = 'langfuse'")
    kept = ("Replicated", "View", "MaterializedView", "Null")
    assert {name for name, engine in engines if not engine.startswith(kept)} == {"event_log", "dataset_run_items"}
    run = cluster.ops("smoke", "--json")
    assert run.json["ok"], run.output


def test_the_gate_sees_each_way_in_which_servers_are_no_cluster(cluster: TestStack) -> None:
    inputs, login = gate_of(cluster), admin(cluster)
    evidence = green(ClickHouseProvider, inputs)
    assert set(evidence["identity"]) == {f"ClickHouse {name}" for name in SERVERS}
    assert red(ClickHouseProvider, inputs, cluster=[*SERVERS, "clickhouse-3"]).seen == "2 servers, not 3"
    client = login.client()
    try:
        client.command("CREATE TABLE langfuse.alone (a UInt8) ENGINE = MergeTree ORDER BY a")
        assert red(ClickHouseProvider, inputs).seen == "tables of a single server: alone"
        client.command("DROP TABLE langfuse.alone SYNC")
        client.command("INSERT INTO langfuse.event_log (id) VALUES ('a')")
        assert red(ClickHouseProvider, inputs).seen == "rows in tables that Langfuse does not replicate: event_log (1)"
        client.command("TRUNCATE TABLE langfuse.event_log")
        client.command("CREATE VIEW langfuse.half AS SELECT 1 AS a")
        assert red(ClickHouseProvider, inputs).seen == "not on every server: half"
        client.command("DROP VIEW langfuse.half SYNC")
        client.command(
            "CREATE TABLE langfuse.late ON CLUSTER default (a UInt8) ENGINE = ReplicatedMergeTree ORDER BY a"
        )
        client.command("SYSTEM STOP FETCHES ON CLUSTER default langfuse.late")
        client.command("INSERT INTO langfuse.late VALUES (1)")
        assert "late: 1 entries wait" in red(ClickHouseProvider, inputs).seen
        client.command("SYSTEM START FETCHES ON CLUSTER default langfuse.late")
    finally:
        client.close()
    green(ClickHouseProvider, {**inputs, "deadline_seconds": 30})


def test_no_row_can_be_dropped_on_the_whole_cluster_at_once(cluster: TestStack) -> None:
    login = admin(cluster)
    for statement in (
        "DROP TABLE langfuse.traces ON CLUSTER default",
        "TRUNCATE TABLE langfuse.traces ON CLUSTER default",
        "DROP TABLE langfuse.traces ON CLUSTER default SETTINGS max_table_size_to_drop = 0",
    ):
        with pytest.raises(
            Exception, match=r"TABLE_SIZE_EXCEEDS_MAX_DROP_SIZE_LIMIT|SETTING_CONSTRAINT_VIOLATION|359|452"
        ):
            told(login, statement)
    assert all(
        count > 0
        for (count,) in asked(
            login, "SELECT count() FROM clusterAllReplicas('default', langfuse.traces) GROUP BY getMacro('replica')"
        )
    )


@pytest.mark.parametrize("turn", [1, 2])
def test_a_server_is_killed_while_traces_come_in_and_nothing_is_lost(
    turn: int, cluster: TestStack, record_property: Callable[[str, object], None]
) -> None:
    """Twice, so that each of the two is the one that is killed, and each has once caught up before it serves."""
    login = admin(cluster)
    victim = serving(login)
    other = next(name for name in SERVERS if name != victim)
    with Sender(cluster) as sender:
        assert settled(lambda: len(sender.read) > 2, wanted=True, seconds=60) is True, sender.said
        killed = time.monotonic()
        cluster.docker("kill", cluster.container(victim))
        assert settled(lambda: serving(login), other, seconds=20) == other
        seen = len(sender.read)
        assert settled(lambda: len(sender.read) > seen + 5, wanted=True, seconds=30) is True, sender.said
        outage = max(later - earlier for earlier, later in zip(sender.read, sender.read[1:], strict=False))
        time.sleep(5)
        doctor = cluster.ops("doctor", "--json").json
        gate_closed = red(ClickHouseProvider, gate_of(cluster))
        cluster.docker("start", cluster.container(victim))
        time.sleep(5)
    assert "every server must answer" in gate_closed.fix
    found = {row["id"]: row for row in doctor["rows"]}
    assert found["clickhouse-replicas"]["verdict"] == "finding"
    assert victim in found["clickhouse-replicas"]["evidence"]
    everything = dict.fromkeys(SERVERS, sender.accepted)
    assert settled(lambda: on_each(login, sender.user), everything) == everything
    assert serving(login) == other, "nobody goes back to a server that was away"
    seconds = time.monotonic() - killed
    figures = (
        f"{sender.accepted} traces, {sender.refused} refused, gap of reads {outage:.1f} s, whole after {seconds:.0f} s"
    )
    record_property(f"turn {turn}: {victim} killed", figures)
    sys.stderr.write(f"{victim} killed: {figures}\n")


def test_a_keeper_is_killed_and_traces_still_come_in(cluster: TestStack) -> None:
    login = admin(cluster)
    cluster.docker("kill", cluster.container("clickhouse-keeper-1"))
    try:
        with Sender(cluster) as sender:
            time.sleep(10)
        everything = dict.fromkeys(SERVERS, sender.accepted)
        assert sender.accepted > 20
        assert settled(lambda: on_each(login, sender.user), everything) == everything
    finally:
        cluster.docker("start", cluster.container("clickhouse-keeper-1"))


def test_a_web_and_a_worker_are_killed_and_traces_still_come_in(cluster: TestStack) -> None:
    login = admin(cluster)
    for service in ("langfuse-web", "langfuse-worker-2"):
        cluster.docker("kill", cluster.container(service))
    try:
        time.sleep(3)
        with Sender(cluster) as sender:
            time.sleep(8)
        assert sender.refused == 0
        everything = dict.fromkeys(SERVERS, sender.accepted)
        assert settled(lambda: on_each(login, sender.user), everything) == everything
    finally:
        for service in ("langfuse-web", "langfuse-worker-2"):
            cluster.docker("start", cluster.container(service))


def test_the_doctor_finds_nothing_in_a_cluster_that_is_well(cluster: TestStack) -> None:
    settled(lambda: cluster.ops("status", "--json").json["healthy"], wanted=True)
    rows = cluster.ops("doctor", "--json").json["rows"]
    verdicts = {row["id"]: (row["verdict"], row.get("evidence")) for row in rows}
    verdicts.pop("clickhouse-disk")
    assert {name: seen for name, seen in verdicts.items() if seen[0] not in {"healthy", "not applicable"}} == {}
    assert verdicts["clickhouse-replicas"] == ("healthy", "2 servers, none behind")


def test_a_cluster_is_backed_up_rehearsed_and_restored_beside_itself(cluster: TestStack) -> None:
    before = sorted(asked(admin(cluster), "SELECT path FROM system.zookeeper WHERE path = '/clickhouse/tables'"))
    made = cluster.ops("backup", "--json")
    assert made.code == 0, made.output
    rehearsed = cluster.ops("rehearse", "--json")
    assert rehearsed.code == 0, rehearsed.output
    assert (
        sorted(asked(admin(cluster), "SELECT path FROM system.zookeeper WHERE path = '/clickhouse/tables'")) == before
    )
    restored = cluster.ops("restore", "--into", "seen_again", "--json")
    assert restored.code == 0, restored.output
    rows = asked(
        admin(cluster), "SELECT (SELECT count() FROM seen_again.traces) = (SELECT count() FROM langfuse.traces)"
    )
    assert rows == [(1,)]


def test_traces_of_a_single_server_are_moved_into_a_cluster(cluster: TestStack, stack: TestStack) -> None:
    """Step by step as docs/operations.md has it."""
    assert stack.ops("smoke").code == 0
    made = stack.ops("backup", "--json")
    assert made.code == 0, made.output
    there, here = (inputs_of(each, "minio-backup-key") for each in (stack, cluster))
    source, target = (connect(S3.of(key)) for key in (there, here))
    for entry in source.list_objects(there["bucket"], prefix=made.json["id"], recursive=True):
        with source.get_object(there["bucket"], str(entry.object_name)) as content:
            body, size = cast("BinaryIO", content), int(entry.size or 0)
            target.put_object(here["bucket"], str(entry.object_name), body, size)
    restored = cluster.ops("restore", "--into", "moved", "--backup", made.json["id"], "--json")
    assert restored.code == 0, restored.output
    login = admin(cluster)
    ids = {name for (name,) in asked(login, "SELECT DISTINCT id FROM moved.traces")}
    assert ids
    for [table] in asked(login, FILLED):
        for _ in range(2):
            move = "INSERT INTO langfuse.{table:Identifier} SELECT * FROM moved.{table:Identifier}"
            told(login, move, table=table)
    everywhere = dict.fromkeys(SERVERS, len(ids))
    assert settled(lambda: on_each(login, ids=sorted(ids)), everywhere) == everywhere


def test_emptying_one_server_of_a_cluster_is_refused(cluster: TestStack) -> None:
    run = cluster.ops("clickhouse-reset")
    assert run.code == 1
    assert "is a cluster" in " ".join(run.output.split())


def test_a_changed_setting_goes_through_one_server_after_the_other_while_traces_come_in(cluster: TestStack) -> None:
    login = admin(cluster)
    cluster.config["clickhouse:queryLogTtlDays"] = "9"
    cluster.config_file.write_text(yaml.safe_dump({"config": cluster.config}))
    with Sender(cluster) as sender:
        run = cluster.ops("up")
    assert run.code == 0, run.output
    assert sender.refused == 0, sender.said
    started = [
        cluster.docker("inspect", "--format", "{{.State.StartedAt}}", cluster.container(name)) for name in SERVERS
    ]
    assert started == sorted(started)
    everything = dict.fromkeys(SERVERS, sender.accepted)
    assert settled(lambda: on_each(login, sender.user), everything) == everything


def test_down_and_up_keep_everything(cluster: TestStack) -> None:
    login = admin(cluster)
    [[before]] = asked(login, "SELECT uniqExact(id) FROM langfuse.traces")
    volumes = cluster.names("volume")
    down = cluster.ops("down")
    assert down.code == 0, down.output
    assert (cluster.names("container"), cluster.names("volume")) == ([], volumes)
    up = cluster.ops("up")
    assert up.code == 0, up.output
    [[after]] = asked(login, "SELECT uniqExact(id) FROM langfuse.traces")
    assert after >= before


@pytest.mark.parametrize("replicas", ["1", "3"])
def test_other_servers_for_a_stack_that_was_put_up_are_refused_before_anything_is_changed(
    replicas: str, cluster: TestStack
) -> None:
    containers = cluster.names("container")
    settings = dict(cluster.config)
    cluster.configure(clickhouse__replicas=replicas)
    try:
        run = cluster.ops("up")
    finally:
        cluster.configure(clickhouse__replicas=settings["clickhouse:replicas"])
        assert cluster.ops("inventory").code == 0
    assert run.code != 0
    assert "clickhouse:replicas was 2 when this stack was put up" in " ".join(run.output.split())
    assert cluster.names("container") == containers

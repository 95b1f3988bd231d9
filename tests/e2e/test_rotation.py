"""Each secret is rotated on a whole stack while a client keeps calling the gateway, and no trace of a call is lost."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
import yaml

from checks.clickhouse_login import Login
from checks.trace import Gateway, PublicApi
from components.releases import RELEASES
from ops.rotation.catalog import SECRETS
from ops.state import State
from tests.e2e.caller import Caller
from tests.e2e.load import LONG, Count, Load, all_stored, counted
from tests.e2e.stack import TestStack, new_stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]

KEPT_BY_THE_GATEWAY = {"clickhouse-password", "langfuse-role-password", "minio-app-secret-key", "nextauth-secret"}
"""Their rotation does not restart the gateway, so no call may be refused."""
DOWN_SECONDS = 90
"""Longest that a call to a restarting gateway may wait, on a busy machine."""


@pytest.fixture(scope="module")
def rotated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestStack]:
    """A stack for rotations alone: they change its settings and its inventory."""
    stack = new_stack(tmp_path_factory.mktemp("rotated"))
    try:
        up = stack.ops("up")
        assert up.code == 0, up.output
        yield stack
    finally:
        stack.remove()


def state(stack: TestStack) -> State:
    return State(stack.shell("pulumi", "stack", "export", "--show-secrets", "--stack", "test").json)


def gateway(stack: TestStack) -> Gateway:
    """The gateway with the key that it has, as an application that reads its settings anew."""
    try:
        env = json.loads(stack.docker("inspect", "--format", "{{json .Config.Env}}", stack.container("gateway")))
    except subprocess.CalledProcessError:  # it is being replaced
        env = []
    key = next((entry.partition("=")[2] for entry in env if entry.startswith("LITELLM_MASTER_KEY=")), "sk-none")
    return Gateway(f"http://127.0.0.1:{stack.config['gateway:port']}", key)


def generation(stack: TestStack, secret: str) -> int:
    config = yaml.safe_load(stack.config_file.read_text())["config"]
    assert "langfuse-stack:rotating" not in config
    return int(config.get("langfuse-stack:rotations", {}).get(secret, 1))


def assert_nothing_is_lost(stack: TestStack, client: Caller) -> None:
    known = state(stack)
    login = Login(
        *(str(known.output("clickhouse-gate", name)) for name in ("http_address", "user", "password", "database"))
    )
    assert len(client.answered) > 20
    assert client.lost(login, RELEASES["3"].traces_table) == set()
    names = ("url", "public_key", "secret_key", "find_path")
    api = PublicApi(*(str(known.output("end-to-end-proof", name)) for name in names))
    for user_id in client.answered[:: max(len(client.answered) // 20, 1)]:
        assert api.find_trace(user_id)


@pytest.mark.soak
@pytest.mark.parametrize("secret", sorted(SECRETS))
def test_a_rotation_loses_no_trace_of_a_client_that_keeps_calling(
    rotated: TestStack, secret: str, record_property: Callable[[str, object], None]
) -> None:
    before = generation(rotated, secret)
    started = time.monotonic()
    with Caller(lambda: gateway(rotated)) as client, Load.of(rotated, LONG, rate=10) as load:
        load.phase(secret)
        run = rotated.script("rotate", secret)
        seconds = time.monotonic() - started
        time.sleep(2)
        load.end()
    measured = {
        "seconds": round(seconds),
        "answered": len(client.answered),
        "refused": client.refused,
        "longest_gap": round(client.longest_gap, 1),
    }
    record_property("measured", json.dumps(measured))
    record_property("output", run.said)
    assert run.code == 0, run.said
    assert generation(rotated, secret) == before + 1
    assert (run.document["secret"], run.document["generation"]) == (secret, before + 1)
    assert not any(value in f"{run.document}{run.said}" for value in SECRETS[secret].values(state(rotated), before + 1))
    assert_nothing_is_lost(rotated, client)
    all_stored(rotated, load)
    counts = [counted(rotated, load, table)[secret] for table in ("traces", "observations")]
    record_property("load", f"{counts}, refused {load.refusals}")
    assert counts == [Count(load.sent, load.sent, load.sent, twice=0)] * 2
    if secret in KEPT_BY_THE_GATEWAY:
        assert client.refused == 0
    assert client.longest_gap < DOWN_SECONDS
    again = rotated.ops("up")
    assert again.code == 0, again.output
    assert not any(word in again.output for word in ("created", "updated", "replaced", "deleted"))


@pytest.mark.soak
def test_a_rotation_that_is_killed_is_finished_by_the_next_run_without_a_loss(rotated: TestStack) -> None:
    before = generation(rotated, "redis-password")
    with Caller(lambda: gateway(rotated)) as client:
        with rotated.started("rotate", "redis-password") as process:
            assert process.stdout
            for line in process.stdout:
                if "changes over to" in line:
                    time.sleep(12)
                    break
        run = rotated.ops("rotate", "redis-password")
    assert run.code == 0, run.output
    assert "Finishing the rotation of redis-password that was begun before" in run.output
    assert generation(rotated, "redis-password") == before + 1
    assert_nothing_is_lost(rotated, client)


def test_salt_and_encryption_key_are_refused_with_the_reason(stack: TestStack) -> None:
    for name, reason in (("SALT", "every API key"), ("ENCRYPTION_KEY", "cannot be read")):
        run = stack.ops("rotate", name)
        assert run.code == 1
        assert reason in run.output
        assert "Nothing was changed" in run.output


def test_a_script_gets_the_refusal_alone_on_standard_output(stack: TestStack) -> None:
    told = stack.script("rotate", "SALT")
    assert (told.code, list(told.document)) == (1, ["error"])
    assert told.said.endswith(f"error: {told.document['error']}\n")


def test_status_reminds_of_the_age_of_secrets_and_shows_none(stack: TestStack) -> None:
    assert "oldest rotatable one 0 days, due after 90" in stack.ops("status").output
    ages = {entry["secret"]: entry for entry in stack.ops("status", "--json").json["secrets"]}
    assert set(ages) == set(SECRETS)
    assert {(entry["generation"], entry["days"], entry["due"]) for entry in ages.values()} == {(1, 0, False)}

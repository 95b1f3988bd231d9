"""What a sender was answered 200 for reaches Langfuse, whatever is killed meanwhile; what is refused is said."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from checks.base import GateClosedError
from checks.relay import RelayProvider
from components.relay import RELAY, RELAY_PROXY
from settings.groups import QUEUE_ON_DISK
from tests.checks.containers import docker
from tests.relay.rig import KEYS, KEYS_BEFORE, Rig, basic, export, running
from tests.standin.docker_cli import eventually

pytestmark = pytest.mark.docker

OK, UNAUTHORIZED, FULL = 200, 401, 503
QUEUE_MB = 4


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with running({"relay:queueMb": str(QUEUE_MB)}) as found:
        found.ready()
        yield found


def once(numbers: range) -> dict[str, int]:
    return {f"span-{number:06d}": 1 for number in numbers}


def arrived(rig: Rig, numbers: range) -> dict[str, int]:
    """How often each of these was taken, once none is missing and nothing waits."""
    eventually(lambda: rig.queue().waiting == 0, seconds=90)
    names = once(numbers)
    return {name: count for name, count in rig.taken().items() if name in names}


def test_what_was_taken_while_langfuse_is_away_outlives_a_kill_of_the_relay_and_arrives_once(rig: Rig) -> None:
    rig.docker("kill", "langfuse-web")
    assert [rig.send(export(range(number, number + 1))) for number in range(100)] == [OK] * 100
    rig.docker("kill", RELAY)
    rig.docker("start", RELAY)
    rig.ready()
    assert [rig.send(export(range(number, number + 1))) for number in range(100, 150)] == [OK] * 50
    rig.docker("start", "langfuse-web")
    assert arrived(rig, range(150)) == once(range(150))
    assert list(rig.asked()) == [f"Basic {basic(*KEYS)} 4"]


def test_whoever_sends_while_the_relay_is_killed_was_answered_200_only_for_what_arrives(rig: Rig) -> None:
    taken: set[int] = set()

    def send(number: int) -> None:
        try:
            if rig.send(export(range(number, number + 1))) == OK:
                taken.add(number)
        except httpx.HTTPError:
            return

    with ThreadPoolExecutor(8) as pool:
        sending = [pool.submit(send, number) for number in range(1000, 1300)]
        eventually(lambda: len(taken) > 50)
        rig.docker("kill", RELAY)
        rig.docker("start", RELAY)
        for sent in sending:
            sent.result()
    rig.ready()
    assert 50 < len(taken) < 300
    missing = {f"span-{number:06d}" for number in taken} - arrived(rig, range(1000, 1300)).keys()
    assert not missing


@pytest.mark.parametrize("status", [302, 401, 403, 404, 405, 413, 429, 500, 501, 502, 503, 504])
def test_a_status_that_another_time_may_be_another_drops_nothing(rig: Rig, status: int) -> None:
    first = 2000 + status
    before = rig.queue().dropped
    rig.answer(status)
    assert rig.send(export(range(first, first + 1))) == OK
    eventually(lambda: rig.queue().waiting > 0)
    before_asked = sum(rig.asked().values())
    eventually(lambda: sum(rig.asked().values()) > before_asked, seconds=30)
    rig.answer(OK)
    assert arrived(rig, range(first, first + 1)) == once(range(first, first + 1))
    assert rig.queue().dropped == before


def test_without_the_proxy_a_status_that_the_collector_takes_for_final_would_drop_spans() -> None:
    with running(changed={f"http://{RELAY_PROXY}:3000": "http://langfuse-web:3000"}) as rig:
        rig.ready()
        rig.answer(500)
        assert rig.send(export(range(1))) == OK
        assert eventually(lambda: rig.queue().dropped) == 1


def test_what_langfuse_refuses_for_what_is_in_it_is_dropped_and_counted(rig: Rig) -> None:
    before = rig.queue().dropped
    rig.answer(400)
    assert rig.send(export(range(3000, 3003))) == OK
    assert eventually(lambda: rig.queue().dropped - before) == 3
    rig.answer(OK)
    assert "Dropping data" in docker("logs", rig.name(RELAY), stderr=subprocess.STDOUT)


def test_a_full_queue_refuses_and_whatever_it_took_arrives_once_and_fits_the_volume(rig: Rig) -> None:
    rig.answer(500)
    before = rig.queue().refused
    answers = [rig.send(export(range(number, number + 1), padding=60_000)) for number in range(4000, 4100)]
    assert set(answers) == {OK, FULL}
    took = range(4000, 4000 + answers.index(FULL))
    held = rig.queue()
    assert held.refused - before == answers.count(FULL)
    assert 80 < held.percent <= 100
    size = int(
        docker(
            "run", "--rm", "--network=none", f"--volumes-from={rig.name(RELAY)}", "--entrypoint=du", *_du(rig)
        ).split()[0]
    )
    assert size < QUEUE_ON_DISK * QUEUE_MB * 1024
    rig.answer(OK)
    assert once(took).items() <= arrived(rig, range(4000, 4100)).items()


def _du(rig: Rig) -> list[str]:
    image = docker("inspect", "--format={{.Image}}", rig.name("langfuse-web")).strip()
    return [image, "-sk", "/var/lib/relay"]


def test_it_takes_the_projects_keys_and_the_pair_before_and_refuses_everybody_else() -> None:
    with running({"langfuse-stack:rotations": '{"langfuse-keys": 2}'}) as rig:
        rig.ready()
        nothing = export(range(0))
        assert [rig.send(nothing, auth) for auth in (KEYS, KEYS_BEFORE)] == [OK, OK]
        strangers = (None, ("pk-lf-test", "sk-lf-other"), ("pk-lf-other", "sk-lf-test"), ("", ""))
        assert [rig.send(nothing, auth) for auth in strangers] == [UNAUTHORIZED] * 4
        assert rig.send(export(range(1)), KEYS_BEFORE) == OK
        assert arrived(rig, range(1)) == once(range(1))
        assert list(rig.asked()) == [f"Basic {basic(*KEYS)} 4"]
        assert prove(rig, queue_bytes=1024**3)["kept"] == "on its volume", "the gate is open to it"


def prove(rig: Rig, **changes: object) -> dict[str, object]:
    """What the gate says."""
    inputs = {
        "url": rig.url,
        "metrics_url": rig.metrics_url,
        "public_key": KEYS[0],
        "secret_key": KEYS[1],
        "queue_bytes": QUEUE_MB * 1024**2,
        "logs": ["docker", "logs", "--tail", "200", rig.name(RELAY)],
        "deadline_seconds": 5,
    }
    return dict(RelayProvider().run({**inputs, **changes})["evidence"])


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"        auth:\n          authenticator: bearertokenauth\n": ""}, "expected 401"),
        ({"      storage: file_storage\n": ""}, "without a persistent queue"),
        ({f"queue_size: {1024**3}": "queue_size: 1000"}, "a queue of 1000 bytes"),
        ({"${env:RELAY_KEYS}": "x"}, "with the project's keys"),
    ],
)
def test_the_gate_is_closed_to_a_relay_that_is_not_as_the_program_describes_it(
    changed: dict[str, str], says: str
) -> None:
    with running(changed=changed) as rig, pytest.raises(GateClosedError) as closed:
        prove(rig, queue_bytes=1024**3)
    assert says in str(closed.value)
    assert KEYS[1] not in str(closed.value)


def test_the_gate_sees_where_the_queue_is_although_every_try_fails() -> None:
    with running() as rig:
        rig.ready()
        rig.answer(500)
        assert {rig.send(export(range(number, number + 1))) for number in range(20)} == {OK}
        eventually(lambda: sum(rig.asked().values()) > 40, seconds=60)
        assert 0 < docker("logs", rig.name(RELAY), stderr=subprocess.STDOUT).count("Will retry") <= 10
        assert prove(rig, queue_bytes=1024**3)["kept"] == "on its volume"


def test_the_gate_is_closed_while_the_relay_is_stopped(rig: Rig) -> None:
    rig.docker("stop", RELAY)
    try:
        with pytest.raises(GateClosedError, match="Connection refused"):
            prove(rig, deadline_seconds=1)
    finally:
        rig.docker("start", RELAY)
        rig.ready()

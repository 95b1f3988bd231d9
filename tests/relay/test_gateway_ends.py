"""What a gateway that ends takes with it: nothing when stopped, less than a second of calls when killed."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from checks.trace import SMOKE_MODEL
from tests.checks.containers import images, plain
from tests.relay.rig import KEYS, Rig, running
from tests.standin.docker_cli import eventually, free_port
from tests.unit.recorder import recorded

pytestmark = [pytest.mark.docker, pytest.mark.soak]

RATE, SECONDS = 50, 6


@dataclass
class Gateway:
    """The gateway before the relay of a rig."""

    rig: Rig
    client: httpx.Client
    answered: set[str] = field(default_factory=set)

    def call(self, number: int) -> None:
        user_id = f"span-{number:06d}"
        message = {"role": "user", "content": f"ping from {user_id}"}
        try:
            answer = self.client.post(
                "/v1/chat/completions",
                json={"model": SMOKE_MODEL, "messages": [message], "metadata": {"trace_user_id": user_id}},
            )
        except httpx.HTTPError:
            return
        if answer.status_code == httpx.codes.OK:
            self.answered.add(user_id)

    def ended_under_traffic(self, verb: str) -> int:
        """How many calls were answered and left no trace, when it is ended in the midst of them."""
        began = time.monotonic()
        with ThreadPoolExecutor(48) as pool:
            for number in range(RATE * SECONDS):
                time.sleep(max(0.0, began + number / RATE - time.monotonic()))
                pool.submit(self.call, number)
                if number == RATE * (SECONDS - 1):
                    pool.submit(self.rig.docker, verb, "gateway")
        assert len(self.answered) > RATE
        eventually(lambda: self.rig.queue().waiting == 0, seconds=60)
        return len(self.answered - self.rig.taken().keys())


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with running() as rig, _before(rig) as found:
        rig.ready()
        yield found


@contextmanager
def _before(rig: Rig) -> Iterator[Gateway]:
    program, found, port = recorded({}), images(frozenset({"litellm", "redis"})), free_port()
    redis, plan = (plain(program.one(service).inputs) for service in ("redis", "gateway"))
    env = {name: value for name, _, value in (entry.partition("=") for entry in plan["envs"])}
    env |= dict(zip(("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"), KEYS, strict=True))
    plan |= {"volumes": [], "envs": [f"{name}={value}" for name, value in env.items()]}
    rig.create("redis", found["redis"], {**redis, "volumes": []}, "--volume=/data")
    rig.create("gateway", found["litellm"], plan, f"--publish=127.0.0.1:{port}:4000")
    headers = {"Authorization": f"Bearer {env['LITELLM_MASTER_KEY']}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False, timeout=20) as client:
        eventually(lambda: client.get("/health/readiness").is_success, seconds=120)
        yield Gateway(rig, client)


def test_a_stopped_gateway_hands_over_all_it_answered(gateway: Gateway) -> None:
    assert gateway.ended_under_traffic("stop --time=30") == 0


def test_a_killed_gateway_loses_less_than_a_seconds_calls(gateway: Gateway) -> None:
    assert gateway.ended_under_traffic("kill") < RATE

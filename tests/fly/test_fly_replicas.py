"""Replicas of one app behind Fly's balancing, as real containers: one of them is killed under load."""

from __future__ import annotations

import json
import threading
import urllib.request
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from platforms.fly.toml import Guest, document
from platforms.spec import File, HealthSpec, HttpProbe, Port, ServiceSpec
from tests.fly.driving import KEY
from tests.fly.fake.containers import docker, remove_everything
from tests.fly.test_fly_command import Shell
from tests.fly.test_fly_containers import done
from tests.standin.docker_cli import eventually, free_port
from tests.standin.stores import image_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.docker]
CALLERS = 4
REQUESTS = 80
"""Of each caller; the machine is killed in the middle of them."""
SERVER = """
defaults
    mode http
    timeout connect 1s
    timeout client 30s
    timeout server 30s
    timeout tarpit 50ms
listen web
    bind :3000
    http-request return status 200 content-type text/plain string ok if { path /ready }
    http-request tarpit deny_status 200
"""


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    made = Shell(tmp_path)
    prefix = f"fake-fly-{uuid.uuid4().hex[:8]}"
    edge = {"FAKE_FLY_EDGE": image_of("proxy"), "FAKE_FLY_PUBLIC": json.dumps({"web": free_port()})}
    made.env |= {"FAKE_FLY_DOCKER": prefix, **edge}
    try:
        yield made
    finally:
        remove_everything(prefix)


def request() -> dict[str, Any]:
    spec = ServiceSpec(
        "langfuse-web",
        image_of("proxy"),
        (Port("http", 3000, None, "langfuse:webPort"),),
        HealthSpec(HttpProbe(3000, "/ready"), interval=1, timeout=1),
        5,
        command=("haproxy", "-f", "/etc/web.cfg"),
        files=(File("/etc/web.cfg", SERVER),),
    )
    toml = document(spec, "web", "ord", Guest(memory_mb=512), public_port=3000)
    return {"app": "web", "region": "ord", "image": spec.image, "toml": toml, "replicas": 2}


def test_a_machine_that_is_killed_loses_no_request_but_those_under_way(
    shell: Shell, record_property: Callable[[str, object], None]
) -> None:
    done(shell, "app", {"app": "web", "org": "hotdash", "private": False})
    names = done(shell, "secrets", {"app": "web", "values": {"NAME": "value-1"}, "hmac_key": KEY})["names"]
    done(shell, "deploy", {**request(), "secrets": names})
    prefix = shell.env["FAKE_FLY_DOCKER"]
    url = f"http://127.0.0.1:{json.loads(shell.env['FAKE_FLY_PUBLIC'])['web']}/"
    eventually(lambda: get(url))
    outcomes: list[bool] = []
    middle = threading.Barrier(CALLERS + 1)
    callers = [threading.Thread(target=call, args=(url, outcomes, middle)) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    middle.wait(60)
    docker("kill", f"{prefix}-web")
    for caller in callers:
        caller.join(120)
    lost = outcomes.count(False)
    record_property("lost", f"{lost} of {len(outcomes)}")
    assert len(outcomes) == CALLERS * REQUESTS
    assert lost <= CALLERS, "more were lost than were under way"


def call(url: str, outcomes: list[bool], middle: threading.Barrier) -> None:
    for number in range(REQUESTS):
        if number == REQUESTS // 2:
            middle.wait(60)
        outcomes.append(get(url))


def get(url: str) -> bool:
    """Whether a request was answered, each on a connection of its own."""
    try:
        with urllib.request.urlopen(url, timeout=10) as reply:  # noqa: S310 - on loopback
            return bool(reply.status == 200)
    except OSError:
        return False


def test_replicas_that_nobody_outside_may_reach_have_one_address_of_their_own(shell: Shell) -> None:
    private = {**request()["toml"]}
    service = private.pop("http_service")
    check = {**service["checks"][0]}
    awake = {"auto_stop_machines": "off", "auto_start_machines": False, "processes": ["app"]}
    ports = [{"port": 3000, "handlers": ["http"]}]
    private["services"] = [{"protocol": "tcp", "internal_port": 3000, "ports": ports, "http_checks": [check], **awake}]
    shell.env["FAKE_FLY_PUBLIC"] = "{}"
    done(shell, "app", {"app": "web", "org": "hotdash", "private": True})
    done(shell, "deploy", {**request(), "toml": private})
    prefix = shell.env["FAKE_FLY_DOCKER"]
    docker("kill", f"{prefix}-web")
    eventually(lambda: all(answered(prefix) for _ in range(10)), seconds=20)


def answered(prefix: str) -> bool:
    script = "exec 3<>/dev/tcp/web.flycast/3000; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; head -1 <&3"
    return "200" in docker("exec", f"{prefix}-web-2", "bash", "-c", script, check=False)

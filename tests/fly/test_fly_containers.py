"""The fake with real containers behind it: what a gate needs when it asks a machine on Fly."""

from __future__ import annotations

import json
import subprocess
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.fly.driving import GUEST, KEY
from tests.fly.fake.containers import remove_everything
from tests.fly.test_fly_command import Shell
from tests.standin.docker_cli import eventually, free_port
from tests.standin.stores import image_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import redis

pytestmark = [pytest.mark.docker, pytest.mark.soak]
PASSWORD = "canary-redis-password"


@pytest.fixture
def backed(tmp_path: Path) -> Iterator[Shell]:
    shell = Shell(tmp_path)
    prefix = f"fake-fly-{uuid.uuid4().hex[:8]}"
    shell.env |= {"FAKE_FLY_DOCKER": prefix, "LANGFUSE_STACK_FLY_BUILD": str(tmp_path / "build")}
    try:
        yield shell
    finally:
        remove_everything(prefix)


def done(shell: Shell, action: str, request: Any, **env: str) -> Any:
    result = shell.run(action, request, **env)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_a_redis_on_the_fake_keeps_its_data_over_stop_start_and_deployment(backed: Shell) -> None:
    done(backed, "app", {"app": "cache", "org": "hotdash", "private": True})
    values = {"PASSWORD": PASSWORD}
    names = done(backed, "secrets", {"app": "cache", "values": values, "hmac_key": KEY})["names"]
    volume = done(backed, "volume", {"app": "cache", "name": "data", "region": "ord", "size_gb": 1, "guest": GUEST})
    toml = {
        "app": "cache",
        "primary_region": "ord",
        "kill_signal": "SIGTERM",
        "kill_timeout": 5,
        "restart": [{"policy": "always"}],
        "env": {},
        "processes": {"app": "/etc/redis.conf"},
        "mounts": [{"source": "data", "destination": "/data"}],
        "files": [
            {"guest_path": "/etc/redis.conf", "raw_value": f"requirepass {PASSWORD}\nappendonly yes\ndir /data\n"}
        ],
        "checks": {"health": {"type": "tcp", "port": 6379}},
    }
    request = {
        "app": "cache",
        "region": "ord",
        "image": image_of("redis"),
        "toml": toml,
        "secrets": names,
        "data": True,
    }
    request["volume"] = {"name": "data", "id": volume["id"]}
    first = done(backed, "deploy", request)
    port = free_port()
    with subprocess.Popen(["fly", "proxy", f"{port}:6379", "-a", "cache"], env=backed.env) as tunnel:
        client = connected(port)
        client.set("marker", "kept")
        assert done(backed, "state", {"app": "cache", "want": "stopped"})["state"] == "stopped"
        done(backed, "state", {"app": "cache", "want": "started"})
        assert eventually(lambda: connected(port).get("marker")) == b"kept"
        toml["env"] = {"CHANGED": "yes"}
        second = done(backed, "deploy", request, PULUMI_COMMAND_STDOUT=json.dumps(first))
        assert (second["release"], second["machine"]) == (2, first["machine"])
        assert eventually(lambda: connected(port).get("marker")) == b"kept"
        tunnel.terminate()
    inside = subprocess.run(
        ["fly", "machine", "exec", second["machine"], "printenv CHANGED PASSWORD", "-a", "cache"],
        env=backed.env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert inside.stdout.split() == ["yes", PASSWORD]
    assert "Ready to accept connections" in done(backed, "logs", {"app": "cache", "lines": 500})["text"]


def connected(port: int) -> redis.Redis:
    import redis

    client = redis.Redis(port=port, password=PASSWORD)
    eventually(client.ping)
    return client

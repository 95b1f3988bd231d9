"""A volume that vanished outside: noticed before anything is created, and by the gate where nothing looks before."""

import subprocess

import pytest

from tests.e2e.stack import TestStack

pytestmark = [pytest.mark.e2e, pytest.mark.soak, pytest.mark.timeout(1800)]


@pytest.mark.attack(
    "docker volume rm, then `make up` or plain `pulumi up`",
    layer="continuity gate",
    message="was present, now missing",
)
def test_a_volume_that_vanished_is_noticed_with_and_without_the_wrapper(fresh: TestStack) -> None:
    first = fresh.ops("up")
    assert first.code == 0, first.output
    assert fresh.ops("down").code == 0
    volumes = fresh.names("volume")
    [lost] = [name for name in volumes if name.endswith("_redis_data")]
    with pytest.raises(subprocess.CalledProcessError):
        fresh.docker("volume", "rm", lost)
    assert lost in fresh.names("volume"), "Docker removes no volume that a container has"
    [holder] = fresh.docker("ps", "--all", "--quiet", "--filter", f"volume={lost}").split()
    fresh.docker("rm", holder)
    fresh.docker("volume", "rm", lost)

    run = fresh.ops("up")
    assert run.code == 1
    assert f"volume {lost} was present, now missing" in run.output
    assert fresh.names("container") == []
    assert lost not in fresh.names("volume")

    refresh = fresh.shell("pulumi", "refresh", "--yes", "--stack", "test", "--config-file", str(fresh.config_file))
    assert refresh.code == 0, refresh.output
    assert "was present, now missing" in fresh.ops("up").output

    plain = fresh.shell("pulumi", "up", "--yes", "--stack", "test", "--config-file", str(fresh.config_file))
    assert plain.code != 0
    assert "identity of Redis" in plain.output
    assert "was present, now missing" in plain.output
    assert not [name for name in fresh.names("container") if "langfuse-web" in name]

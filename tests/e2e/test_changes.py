"""What changes a running stack: normal changes pass by themselves, a second claim on its volumes does not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks import attack
from tests.e2e.patch import other_images
from tests.e2e.stack import TestStack, twin_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

SECOND = "already stands for"


def everything(stack: TestStack) -> list[str]:
    """What runs since when, and every volume: Docker exchanges none while a container has it."""
    form = "{{.Name}} {{.Id}} {{.State.StartedAt}}"
    containers = [stack.docker("inspect", "--format", form, name) for name in stack.names("container")]
    return [*containers, *stack.names("volume")]


@pytest.mark.attack(
    "a second stack of the same names beside one that runs",
    layer="owner of the instance",
    message="another stack uses the instance name",
)
def test_a_second_stack_of_the_same_names_is_refused(stack: TestStack, tmp_path: Path) -> None:
    before = everything(stack)
    refused = twin_of(stack, tmp_path).ops("up")
    assert refused.code == 1
    assert "another stack uses the instance name" in refused.output
    assert everything(stack) == before


@pytest.fixture
def imported(stack: TestStack, tmp_path: Path) -> Iterator[TestStack]:
    """A second entry in the state for ClickHouse's volume."""
    copy = tmp_path / "settings.yaml"
    copy.write_text(stack.config_file.read_text())
    [volume] = [name for name in stack.names("volume") if name.endswith("_clickhouse_data")]
    options = ("--yes", "--protect=false", "--generate-code=false", "--stack", "test")
    settings = ("--config-file", str(copy))
    made = stack.shell("pulumi", "import", "docker:index/volume:Volume", "twin", volume, *options, *settings)
    assert made.code == 0, made.output
    try:
        yield stack
    finally:
        urn = "urn:pulumi:test::langfuse-stack::docker:index/volume:Volume::twin"
        forgotten = stack.shell("pulumi", "state", "delete", urn, "--yes", "--stack", "test")
        assert forgotten.code == 0, forgotten.output


@pytest.mark.attack("`pulumi import` of a volume under a second name", layer="plan gate", message=SECOND)
def test_a_volume_that_was_imported_a_second_time_is_noticed_before_the_second_entry_is_deleted(
    imported: TestStack,
) -> None:
    before = everything(imported)
    refused = imported.ops("up")
    assert refused.code == 1
    assert SECOND in refused.output
    assert "delete: twin is a volume" in refused.output
    assert everything(imported) == before


@pytest.mark.soak
def test_a_new_setting_is_applied_without_any_approval(stack: TestStack) -> None:
    volumes = stack.names("volume")
    stack.configure(gateway__exportDelayMs=400)
    run = stack.ops("up")
    assert run.code == 0, run.output
    assert "Container gateway" in run.output
    assert stack.names("volume") == volumes


@pytest.fixture
def patched(stack: TestStack) -> Iterator[TestStack]:
    """The next patch version of Langfuse."""
    with other_images(stack, langfuse__version="3.225.5"):
        yield stack


def test_a_new_patch_version_passes_pack_and_gate_without_any_approval(patched: TestStack) -> None:
    run = patched.ops("preview", "--json")
    assert run.code == 0, run.output
    changed = {step["urn"].rpartition("::")[2] for step in run.json["steps"]}
    assert {"langfuse-web", "langfuse-worker", "migration-gate"} <= changed
    assert not {name for name in changed if name.endswith(("-data", "-password", "salt", "-schema"))}


@pytest.fixture
def edited(stack: TestStack) -> Iterator[TestStack]:
    """The running stack, whose settings and images are put back afterwards."""
    before = dict(stack.config)
    try:
        yield stack
    finally:
        stack.config.clear()
        stack.configure(**before)
        stack.ops("images")


def elsewhere(setting: str, value: object, message: str, name: str, layer: str = "plan gate") -> object:
    return attack((setting, value), name, layer, message, alone=layer == "settings")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        elsewhere(
            "clickhouse:database",
            "elsewhere",
            "clickhouse:database would go from 'langfuse' to 'elsewhere'",
            "another `clickhouse:database` on a stack with data",
        ),
        elsewhere(
            "langfuse:project",
            {"id": "elsewhere"},
            "langfuse:project would go from 'ai-gateway' to 'elsewhere'",
            "another project on a stack with data",
        ),
        elsewhere(
            "langfuse:extraEnv",
            {"CLICKHOUSE_DB": "elsewhere"},
            "CLICKHOUSE_DB is set by clickhouse:database",
            "another database by `langfuse:extraEnv`",
            "settings",
        ),
    ],
)
def test_another_address_of_data_is_refused(change: tuple[str, object], message: str, edited: TestStack) -> None:
    before = everything(edited)
    edited.configure(**dict([change]))
    refused = edited.ops("up")
    assert refused.code == 1
    assert message in " ".join(refused.output.split())
    assert everything(edited) == before


@pytest.fixture
def older_redis(edited: TestStack) -> Iterator[str]:
    """An image whose Redis says that it is older than any that the stack runs."""
    name, made = "lfs-test/redis:6.2.1", f"{edited.instance}-older"
    running = edited.docker("inspect", "--format", "{{.Image}}", edited.container("redis"))
    script = "printf '#!/bin/sh\\necho Redis server v=6.2.1\\n' > /usr/local/bin/redis-server"
    edited.docker(
        "run",
        f"--name={made}",
        "--user=0",
        "--entrypoint=sh",
        running,
        "-c",
        f"{script} && chmod +x /usr/local/bin/redis-server",
    )
    try:
        edited.docker("commit", made, name)
        yield name
    finally:
        edited.docker("rm", made)
        edited.docker("image", "rm", name)


@pytest.mark.attack(
    "an older server over the data of a newer one", layer="plan gate", message="Redis 6.2.1 is older than", alone=True
)
def test_an_older_server_is_refused_before_its_container_is_made(edited: TestStack, older_redis: str) -> None:
    before = everything(edited)
    edited.configure(redis__image=older_redis)
    refused = edited.ops("up")
    assert refused.code == 1
    assert "Redis 6.2.1 is older than" in refused.output
    assert "dump and restore" in refused.output
    plain = edited.shell("pulumi", "preview", "--stack", "test", "--config-file", str(edited.config_file))
    assert plain.code == 0, "only the gate stands in the way"
    assert everything(edited) == before

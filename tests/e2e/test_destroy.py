"""A stack that was made to be thrown away, beside one that was not."""

import json
import subprocess
import sys

import pytest

from tests.e2e.stack import ROOT, UP_SECONDS, Run, TestStack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


def destroy(stack: TestStack, typed: str) -> Run:
    ran = subprocess.run(
        [sys.executable, "-m", "ops", "destroy"],
        cwd=ROOT,
        env=stack.environment,
        input=typed + "\n",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=UP_SECONDS,
        check=False,
    )
    return Run(ran.returncode, ran.stdout)


def test_a_new_disposable_stack_is_put_up_and_leaves_nothing_and_its_neighbour_is_untouched(
    stack: TestStack, fresh: TestStack
) -> None:
    neighbour = {kind: stack.names(kind) for kind in ("container", "volume", "network")}
    fresh.config_file.unlink()
    inventory = fresh.folder / "inventory" / "test.json"
    inventory.unlink()
    made = fresh.ops("new", "--disposable", STACK=fresh.instance, CONFIG_FILE=str(fresh.config_file))
    assert made.code == 0, made.output
    inventory = fresh.folder / "inventory" / f"{fresh.instance}.json"
    fresh.variables["STACK"] = fresh.instance

    put_up = fresh.ops("up")
    assert put_up.code == 0, put_up.output
    volumes = fresh.names("volume")

    refused = destroy(fresh, "yes")
    assert refused.code == 1
    assert "not the stack's name: nothing was touched" in refused.output.replace("\n", " ")
    assert fresh.names("volume") == volumes

    gone = destroy(fresh, fresh.instance)
    assert gone.code == 0, gone.output
    assert [fresh.names(kind) for kind in ("container", "volume", "network")] == [[], [], []]
    listed = fresh.shell("pulumi", "stack", "ls", "--json")
    assert json.loads(listed.output) == [], listed.output
    assert not inventory.exists()
    assert {kind: stack.names(kind) for kind in neighbour} == neighbour
    assert stack.ops("status").code == 0


@pytest.mark.attack(
    "a stack with data is called disposable, then `make destroy`",
    layer="operator commands",
    message="before this one was disposable: nothing was touched",
    alone=True,
)
def test_what_was_made_before_the_stack_was_disposable_is_never_removed(stack: TestStack) -> None:
    volumes = stack.names("volume")
    stack.configure(**{"langfuse-stack__disposable": True})
    try:
        refused = destroy(stack, "test")
    finally:
        del stack.config["langfuse-stack:disposable"]
        stack.configure()
    assert refused.code == 1
    assert "before this one was disposable: nothing was touched" in refused.output.replace("\n", " ")
    assert stack.names("volume") == volumes
    assert stack.ops("status").code == 0

"""Ways to a Docker volume's content around what protects its resource, each against a volume that holds a file."""

import datetime as dt
import json
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.inventory import declared_by, write
from ops.volume_holder import hold
from platforms.docker.labels import HOLDER_LABEL
from platforms.docker.runtime import DockerRuntime
from policy.guards import in_one_line, missing_guards
from policy.inventories import Inventory, parse
from policy.plan import read_plan
from policy.plan_gate import judge
from policy.rules import RULES
from tests.attacks import attack
from tests.engine.attacked import READ, TREASURE, Attacked, prepare
from tests.standin.stores import image_of
from toolchain.ready import make_ready

pytestmark = [pytest.mark.engine, pytest.mark.docker]
MOUNT, TYPE = "volume-mounted-as-declared", "dynamic-type-known"
GATE, HOLDER = "plan gate", "container that holds the volumes"
STRIPPED = ("protect", "retain", "hook")


class Mounted(Attacked):
    """One stack with a volume of its own; nothing of it runs."""

    @property
    def instance(self) -> str:
        return self.project.environment["INSTANCE"]

    @property
    def volume(self) -> str:
        return f"{self.instance}_redis_data"

    @property
    def inventory(self) -> Inventory:
        return parse((self.root / "inventory" / "test.json").read_text())

    def in_volume(self, script: str) -> str:
        """What a shell says that has the volume."""
        return docker(
            *("run", "--rm", "--network=none", "--entrypoint=sh", f"--volume={self.volume}:/data"),
            *(self.project.environment["IMAGE"], "-c", script),
        )

    def holds_data(self) -> bool:
        return self.volume in docker("volume", "ls", "--format", "{{.Name}}").split() and (
            self.in_volume("cat /data/traces 2>/dev/null || true") == TREASURE
        )

    def judged_by(self, rule: str) -> str:
        """What a preview says with one rule of the pack on."""
        only = self.root / "only.json"
        only.write_text(json.dumps({each.name: "mandatory" if each.name == rule else "disabled" for each in RULES}))
        ran = self.project.run(
            "preview",
            "--policy-pack",
            str(self.project.environment["PYTHONPATH"]) + "/policy",
            "--policy-pack-config",
            str(only),
        )
        self.preview_code = ran.returncode
        return ran.stdout

    def refused_by_gate(self) -> str:
        """What the plan gate says, with the stack's inventory."""
        ran = self.project.run(*READ)
        self.preview_code, self.plan = ran.returncode, read_plan(ran.stdout)
        today = dt.datetime.now(tz=dt.UTC).date()
        found = judge(self.plan, self.resources(), (), today, inventory=self.inventory).refusals
        return "\n".join(f"{refusal.operation} {refusal.name}: {refusal.why}" for refusal in found)

    def plain_up(self, edit: str = "", *without: str) -> subprocess.CompletedProcess[str]:
        """Plain `pulumi up` of an edited program."""
        self.configure(edit, without=without)
        return self.project.run("up", "--yes", "--skip-preview")

    def lacking(self) -> str:
        """What every command of ours says about the guards in the state."""
        return in_one_line(missing_guards(self.resources(), self.inventory))

    def hold(self) -> None:
        """What `up` ends with."""
        hold(DockerRuntime(self.instance), [self.volume, "never-made"])

    def holders(self) -> list[str]:
        return docker("ps", "--all", "--quiet", "--filter", f"label={HOLDER_LABEL}={self.instance}").split()

    def clear(self) -> None:
        """Remove what the test left on the machine."""
        names = [f"{self.instance}-{name}" for name in ("redis", "cleaner")]
        for container in [*self.holders(), *names]:
            subprocess.run(["docker", "rm", "--force", container], capture_output=True, check=False)
        for volume in (self.volume, f"{self.instance}_queue_data"):
            subprocess.run(["docker", "volume", "rm", volume], capture_output=True, check=False)


def docker(*argv: str, stdin: str = "") -> str:
    return subprocess.run(["docker", *argv], input=stdin, capture_output=True, text=True, check=True).stdout


def mounted(root: Path) -> Mounted:
    make_ready()
    names = {"INSTANCE": f"lfs-test-{secrets.token_hex(4)}", "IMAGE": image_of("redis")}
    stack = prepare(root, "mounting", Mounted, **names)
    stack.in_volume(f"printf '%s' '{TREASURE}' > /data/traces")
    write(root / "inventory" / "test.json", declared_by(stack.resources()))
    assert stack.holds_data()
    return stack


@pytest.fixture(scope="module")
def previewed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mounted]:
    """For previews, which leave it as it is."""
    stack = mounted(tmp_path_factory.mktemp("previewed"))
    try:
        yield stack
    finally:
        stack.clear()


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Mounted]:
    stack = mounted(tmp_path)
    try:
        yield stack
    finally:
        stack.clear()


def case(edit: str, name: str, rule: str, message: str) -> Any:
    return attack((edit, rule), name, f"policy: {rule}", message, alone=True)


@pytest.mark.parametrize(
    ("judged", "message"),
    [
        case("cleaner", "mount a data volume in another container", MOUNT, "_redis_data, which only"),
        case("bind", "mount the folder of all volumes", MOUNT, "the folder /var/lib/docker/volumes"),
        case("look-alike", "`docker volume rm` below a look-alike parent", TYPE, "runs another command line"),
        case("reviewed command", "a reviewed command on a Docker stack", TYPE, "the data of this stack is on Docker"),
    ],
)
def test_one_rule_refuses_the_preview(judged: tuple[str, str], message: str, previewed: Mounted) -> None:
    edit, rule = judged
    previewed.configure(edit)
    said = previewed.judged_by(rule)
    assert previewed.preview_code != 0, said
    assert message in said
    previewed.project.run("preview", check=True)
    assert previewed.holds_data()


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        attack(
            "cleaner",
            "mount a data volume elsewhere, without the pack",
            "plan gate",
            "mount cleaner: it mounts",
            alone=True,
        ),
        attack(
            "bind",
            "mount the folder of all volumes, without the pack",
            "plan gate",
            "mount cleaner: it reaches",
            alone=True,
        ),
    ],
)
def test_the_gate_alone_refuses_a_mount(edit: str, message: str, previewed: Mounted) -> None:
    previewed.configure(edit)
    assert message in previewed.refused_by_gate()
    assert previewed.preview_code == 0, "only the gate may stand in the way"
    assert previewed.holds_data()


def test_the_program_as_it_is_passes_both(previewed: Mounted) -> None:
    previewed.configure()
    for rule in (MOUNT, TYPE):
        said = previewed.judged_by(rule)
        assert previewed.preview_code == 0, said
    assert previewed.refused_by_gate() == ""
    assert previewed.lacking() == ""


def test_what_these_tests_refuse_really_empties_the_volume(stack: Mounted) -> None:
    assert stack.plain_up("cleaner").returncode == 0
    assert not stack.holds_data()


@pytest.mark.attack(
    "plain runs without the pack: guards taken out, then a rename", layer=HOLDER, message="volume is in use", alone=True
)
def test_a_container_that_has_the_volume_keeps_it_when_every_guard_is_gone(stack: Mounted) -> None:
    stack.hold()
    assert stack.plain_up("", *STRIPPED).returncode == 0
    assert "the state lacks protect, retain_on_delete, delete_hook of redis-data" in stack.lacking()
    stack.plain_up("rename", *STRIPPED)
    removed = subprocess.run(["docker", "volume", "rm", stack.volume], capture_output=True, text=True, check=False)
    assert "volume is in use" in removed.stderr
    assert stack.holds_data()


@pytest.mark.attack("`docker volume rm` and `prune` of a stack that is down", layer=HOLDER, message="volume is in use")
def test_docker_removes_no_volume_of_a_stack_that_is_down(stack: Mounted) -> None:
    stack.hold()
    docker("rm", "--force", f"{stack.instance}-redis")
    removed = subprocess.run(
        ["docker", "volume", "rm", "-f", stack.volume], capture_output=True, text=True, check=False
    )
    assert "volume is in use" in removed.stderr
    assert stack.holds_data()


def test_without_that_container_the_same_two_runs_lose_the_volume(stack: Mounted) -> None:
    assert stack.plain_up("", *STRIPPED).returncode == 0
    assert stack.plain_up("rename", *STRIPPED).returncode == 0
    assert stack.volume not in docker("volume", "ls", "--format", "{{.Name}}").split()


def test_one_more_run_of_the_program_puts_the_guards_back(stack: Mounted) -> None:
    stack.plain_up("", *STRIPPED)
    assert stack.lacking()
    assert stack.plain_up().returncode == 0
    assert stack.lacking() == ""
    assert "never deleted or replaced" in stack.plain_up("remove").stdout
    assert stack.holds_data()


def test_one_container_holds_what_there_is_and_never_runs(stack: Mounted) -> None:
    stack.hold()
    [first] = stack.holders()
    stack.hold()
    assert stack.holders() == [first]
    [entry] = json.loads(docker("inspect", first))
    assert entry["State"]["Status"] == "created"
    assert [mount["Name"] for mount in entry["Mounts"]] == [stack.volume]
    assert "never-made" not in docker("volume", "ls", "--format", "{{.Name}}").split()
    assert stack.in_volume("ls /data").split() == ["traces"]

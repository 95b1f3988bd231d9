"""A stack on Docker of which every store is somebody else's: put up, followed, backed up, examined, measured."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.foreign import Foreign
from tests.e2e.stack import new_stack
from tests.fly.rehearsal import stack_images

pytestmark = [pytest.mark.e2e, pytest.mark.soak, pytest.mark.timeout(1800)]
COMMANDS = (("up",), ("smoke",), ("backup",), ("backup", "--verify"), ("status", "--capacity"))
NOT_SEEN = {"healthy", "not applicable"}
NOT_PROVEN = "not proven, for it is somebody else's server: that the key"


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[Foreign]:
    stack = new_stack(tmp_path)
    images = stack_images(stack)
    made = Foreign(stack, images)
    try:
        made.start()
        minio = made.ports["minio"]
        stack.configure(
            **{f"{part}__place": "external" for part in ("clickhouse", "s3", "postgres", "redis")},
            s3__endpoint=f"http://{made.host}:{minio}",
            s3__prefix="langfuse/",
            minio__publicUrl=f"http://localhost:{minio}",
            redis__keyPrefix="elsewhere",
            **{
                "langfuse-stack__caBundle": str(made.ca),
                "langfuse-stack__secrets": "vault",
                "langfuse-stack__vault": str(made.write_vault("transaction")),
            },
        )
        (stack.folder / "inventory" / "test.json").unlink()
        listed = stack.ops("inventory")
        assert listed.code == 0, listed.output
        yield made
    finally:
        stack.remove()
        made.remove()


def test_a_stack_whose_stores_are_all_elsewhere_works_through_a_pooler_of_either_mode(foreign: Foreign) -> None:
    stack = foreign.stack
    found = {}
    for mode in ("transaction", "session"):
        foreign.write_vault(mode)
        runs = {command: stack.ops(*command) for command in COMMANDS}
        doctor = stack.ops("doctor", "--json")
        rows = [row for row in doctor.json["rows"] if row["verdict"] not in NOT_SEEN]
        failed = [f"{command}: {run.output}" for command, run in runs.items() if run.code]
        found[mode] = (rows, doctor.code, failed)
        assert "canary" not in "".join(run.output for run in (doctor, *runs.values()))
        said = [command for command, run in runs.items() if NOT_PROVEN in run.output]
        assert said == [("up",)], mode
    assert found == dict.fromkeys(found, ([], 0, []))
    assert not [name for name in stack.names("volume") if "relay" not in name]
    services = {name.removeprefix(f"{stack.instance}-") for name in stack.names("container")}
    assert services == {"langfuse-web", "langfuse-worker", "gateway", "relay", "relay-proxy"}
    moved = stack.ops("preview", "--json", CONFIG_FILE=str(_elsewhere(foreign)))
    assert moved.code != 0
    assert "would be orphaned" in moved.output


def _elsewhere(foreign: Foreign) -> Path:
    """The same settings with another prefix in the buckets."""
    path = foreign.stack.folder / "moved.yaml"
    path.write_text(foreign.stack.config_file.read_text().replace("langfuse/", "another/"))
    return path

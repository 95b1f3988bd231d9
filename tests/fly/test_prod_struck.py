"""A whole run of stack `prod` that is struck at every step: the next run goes on, with one of everything in the end.

The engine, its plugins, the policy pack, the containers behind the fake and the gates that ask them are real; Fly's
own command line and its cloud are the fake's. A chain of runs goes through one part of the whole run, and each of its
runs is struck at the first step at which none before it was: an action of the driver before and after each change at
Fly, and where whole runs are killed also every gate, schema, key and bucket, at its start and once it is made.
"""

import re
from collections.abc import Callable

import pytest

from tests.fly.chain import PARTS, Chain, Guard, Kind
from tests.fly.rehearsal import APPS, READS, rehearsal

pytestmark = [pytest.mark.e2e, pytest.mark.soak, pytest.mark.timeout(1800)]

MOST_RUNS = 60
ONCE = ("apps create", "secrets import", "deploy")
"""Changes that each app needs."""


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("kind", ["halt", "lost"])
def test_struck_at_every_step_the_next_run_goes_on_and_one_of_each_is_left(
    kind: Kind,
    part: str,
    tmp_path_factory: pytest.TempPathFactory,
    record_property: Callable[[str, object], None],
) -> None:
    with rehearsal(tmp_path_factory.mktemp(f"{kind}-{part}")) as prod:
        chain, guard = Chain(prod, kind, PARTS[part]), Guard(prod)
        while (run := chain.run()) is None and chain.runs < MOST_RUNS:
            guard.look()
        assert run is not None, f"no end after {MOST_RUNS} runs; struck: {chain.steps()}"
        assert run.code == 0, run.output
        guard.look()
        assert prod.inventory() == {
            "apps": sorted(APPS),
            "machines": sorted(APPS),
            "volumes": [
                "hotdash-langfuse-clickhouse/langfuse_clickhouse_data",
                "hotdash-langfuse-minio/langfuse_minio_data",
            ],
        }
        assert {secret["status"] for secrets in prod.cloud()["secrets"].values() for secret in secrets.values()} == {
            "Deployed"
        }
        struck = {change for change in chain.steps().values() if change}
        missed = {change for change in changes_of(part) if change not in struck}
        assert not missed, f"never struck: {missed}"
        record_property("runs", f"{chain.runs}: {sorted(chain.steps())} {sorted(chain.gates)}")
        calls = len(prod.calls())
        again = prod.ops("up")
        assert again.code == 0, again.output
        assert re.search(r"0 changes, \d+ unchanged", again.output)
        assert {call["verb"] for call in prod.calls()[calls:]} <= READS


def changes_of(part: str) -> set[str]:
    """Every change at Fly that a whole run makes in this part of it."""
    apps = {"stores": APPS[:2], "langfuse": APPS[2:4], "gateway": APPS[4:]}[part]
    volumes = {f"volumes create {app}" for app in apps if app in APPS[:2]}
    return {f"{verb} {app}" for verb in ONCE for app in apps} | volumes

"""A whole run of stack `prod` that is struck at every step: the next run goes on, with one of everything in the end.

The engine, its plugins, the policy pack, the containers behind the fake and the gates that ask them are real; Fly's
own command line and its cloud are the fake's. A chain of runs goes through one part of the whole run, and each of its
runs is struck at the first step at which none before it was: an action of the driver before and after each change at
Fly, and where whole runs are killed also each gate before it is proven, each schema, key and bucket once it is made.
"""

import re
from collections.abc import Callable

import pytest

from tests.fly.chain import PARTS, Chain, Guard, Kind
from tests.fly.rehearsal import APPS, READS, VOLUMES, rehearsal

pytestmark = [pytest.mark.e2e, pytest.mark.soak, pytest.mark.timeout(1800)]

MOST_RUNS = 60
PROVEN_ALONE = {f"hotdash-{app}" for app in ("langfuse-clickhouse", "langfuse-minio", "langfuse-web", "llm-gateway")}
"""Apps with a gate in their own part of the run."""
ONCE = ("apps create", "secrets import", "deploy")
"""Changes that each app needs; the relay's proxy has no secrets of its own but the mark of its owner."""


@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize("kind", ["halt", "lost"])
def test_struck_at_every_step_the_next_run_goes_on_and_one_of_each_is_left(
    kind: Kind,
    app: str,
    tmp_path_factory: pytest.TempPathFactory,
    record_property: Callable[[str, object], None],
) -> None:
    with rehearsal(tmp_path_factory.mktemp(f"{kind}-{app}")) as prod:
        chain, guard = Chain(prod, kind, PARTS[app]), Guard(prod)
        while (run := chain.run()) is None and chain.runs < MOST_RUNS:
            guard.look()
        assert run is not None, f"no end after {MOST_RUNS} runs; struck: {chain.steps()}"
        assert run.code == 0, run.output
        guard.look()
        assert prod.inventory() == {
            "apps": sorted(APPS),
            "machines": sorted(APPS),
            "volumes": [f"{app}/{volume}" for app, volume in VOLUMES.items()],
        }
        assert {secret["status"] for secrets in prod.cloud()["secrets"].values() for secret in secrets.values()} == {
            "Deployed"
        }
        assert chain.gates or kind == "lost" or app not in PROVEN_ALONE
        struck = {change for change in chain.steps().values() if change}
        volume = {f"volumes create {app}"} if app in VOLUMES else set()
        assert struck >= volume | {f"{verb} {app}" for verb in ONCE}
        record_property("runs", f"{chain.runs}: {sorted(chain.steps())} {sorted(chain.gates)}")
        calls = len(prod.calls())
        again = prod.ops("up")
        assert re.search(r"^0 changes, \d+ unchanged", again.output, re.MULTILINE), again.output
        assert {call["verb"] for call in prod.calls()[calls:]} <= READS

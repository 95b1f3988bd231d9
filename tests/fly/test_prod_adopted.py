"""What exists already is adopted; what does not fit stops the whole run by name, and its fix lets it go on."""

import pytest

from tests.fly.fake.command import cloud
from tests.fly.rehearsal import APPS, Rehearsal, rehearsal

pytestmark = [pytest.mark.e2e, pytest.mark.soak, pytest.mark.timeout(1800)]

CLICKHOUSE, MINIO = APPS[:2]
CLICKHOUSE_DATA, MINIO_DATA = "langfuse_clickhouse_data", "langfuse_minio_data"


def stopped(prod: Rehearsal) -> str:
    """What a run that must not succeed said, on one line; nothing was deployed by it."""
    run = prod.ops("up")
    assert run.code != 0, run.output
    assert not [call for call in prod.calls() if call["verb"] == "deploy"]
    return " ".join(run.output.split())


def adopt(prod: Rehearsal, app: str) -> None:
    """Say that an app is this stack's, first without doing so."""
    assert prod.ops("adopt", "--json").json["apps"] == [app]
    assert prod.ops("adopt", "--apply", "--json").json == {
        "applied": True,
        "owner": "0123456789abcdef",
        "apps": [app],
    }
    assert prod.ops("adopt", "--json").json["apps"] == []


def test_each_misfit_stops_by_name_and_after_its_fix_the_rest_is_adopted(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with rehearsal(tmp_path_factory.mktemp("adopted")) as prod:
        with cloud(prod.state_file) as fly:
            fly.seed_app(CLICKHOUSE, "strangers")
        said = stopped(prod)
        assert "names are unique over all of Fly: choose another app name in fly:apps" in said
        assert "pulumi config set --path 'fly:apps.SERVICE' NAME" in said

        with cloud(prod.state_file) as fly:
            for app in APPS:
                fly.seed_app(app)
            twins = [fly.seed_volume(CLICKHOUSE, CLICKHOUSE_DATA, "iad") for _ in range(2)]
        said = stopped(prod)
        assert f"{CLICKHOUSE} exists and holds something" in said
        assert "put its STACK_ID, SALT, ENCRYPTION_KEY into the vault" in said
        prod.write_vault(STACK_ID="0123456789abcdef", SALT="the-salt-of-before", ENCRYPTION_KEY="ab" * 32)
        assert "python -m ops adopt --apply" in stopped(prod)
        adopt(prod, CLICKHOUSE)
        said = stopped(prod)
        assert f"app {CLICKHOUSE} has 2 volumes named {CLICKHOUSE_DATA}" in said
        assert all(volume in said for volume in twins)
        assert f"fly volumes list -a {CLICKHOUSE}" in said

        with cloud(prod.state_file) as fly:
            fly.state["volumes"][twins[1]]["state"] = "destroyed"
        said = stopped(prod)
        assert f"volume {CLICKHOUSE_DATA} ({twins[0]}) of app {CLICKHOUSE} is in region iad, not in ord" in said
        assert "pulumi config set fly:region iad" in said

        prod.configure({"fly:region": "iad"})
        listed = prod.stack.folder / "inventory" / "test.json"
        listed.write_text(listed.read_text().replace('"ord"', '"iad"'))
        with cloud(prod.state_file) as fly:
            small = fly.seed_volume(MINIO, MINIO_DATA, "iad", size=10)
        adopt(prod, MINIO)
        run = prod.ops("up")
        assert run.code == 0, run.output
        writes = [call["verb"] for call in prod.calls() if call["writes"]]
        assert [verb for verb in writes if "create" in verb] == ["apps create"], "only the one that was refused"
        volumes = {volume: facts["size_gb"] for volume, facts in prod.cloud()["volumes"].items()}
        assert volumes == {twins[0]: 25, twins[1]: 25, small: 25}, "the smaller one was extended in place"
        assert {machine["region"] for machine in prod.cloud()["machines"].values()} == {"iad"}

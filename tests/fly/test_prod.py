"""Stack `prod`, whole: the real engine and plugins, the real stores, and a fake `fly` that runs real containers."""

import base64
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from tests.e2e.stack import Run
from tests.fly.rehearsal import APPS, Rehearsal, rehearsal

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

PHASES = ["clickhouse-gate", "minio-gate", "postgres-gate", "langfuse-web-gate", "langfuse-worker-gate", "gateway-gate"]
READS = {"apps list", "ips list", "volumes list", "secrets list", "machine list", "releases", "logs", "proxy"}


@dataclass(frozen=True)
class Up:
    """A first `up`, and what was seen of it from outside."""

    prod: Rehearsal
    run: Run
    command_lines: set[str]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with rehearsal(tmp_path_factory.mktemp("prod")) as prod:
        yield Up(prod, *watched(prod))


def watched(prod: Rehearsal) -> tuple[Run, set[str]]:
    """Run `up`, noting every command line on the machine meanwhile."""
    seen: set[str] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except OSError:
                    continue

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        return prod.ops("up"), seen
    finally:
        done.set()
        watcher.join()


def test_a_first_up_proves_every_phase_and_ends_with_a_trace(first: Up) -> None:
    assert first.run.code == 0, first.run.output
    outputs = json.loads(first.prod.shell("pulumi", "stack", "output", "--json", "--stack", "test").output)
    assert set(outputs["checks"].values()) == {"ok"}
    assert outputs["langfuse_url"] == first.prod.vault["LANGFUSE_HOST"]
    assert outputs["gateway_url"] == "http://hotdash-llm-gateway.internal:4000"
    assert "✓ read back by the API" in first.run.output


def test_phases_run_one_after_the_other(first: Up) -> None:
    text = first.run.output
    created = {name: text.index(f" {name} created") for name in PHASES}
    assert list(created) == sorted(PHASES, key=lambda name: created[name])
    deployed = [call["argv"][call["argv"].index("-a") + 1] for call in first.prod.calls() if call["verb"] == "deploy"]
    assert deployed == list(APPS)


def test_each_app_gets_its_secrets_before_its_volume_and_its_volume_before_its_deployment(first: Up) -> None:
    order = ["apps create", "secrets import", "volumes create", "deploy"]
    for app in APPS:
        writes = [call["verb"] for call in first.prod.calls() if call["writes"] and app in call["argv"]]
        assert writes == [verb for verb in order if verb in writes], app


def test_there_is_one_of_everything(first: Up) -> None:
    assert first.prod.inventory() == {
        "apps": sorted(APPS),
        "machines": sorted(APPS),
        "volumes": [
            "hotdash-langfuse-clickhouse/langfuse_clickhouse_data",
            "hotdash-langfuse-minio/langfuse_minio_data",
        ],
    }


def test_only_web_has_an_address_on_the_internet(first: Up) -> None:
    public = {app for app, addresses in first.prod.cloud()["ips"].items() if addresses}
    assert public == {"hotdash-langfuse-web"}


def test_other_peoples_schema_is_untouched_and_ours_is_there(first: Up) -> None:
    assert first.prod.foreign("SELECT count(*) FROM app.customers") == "3"
    owner = "SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'langfuse'"
    assert first.prod.foreign(owner) == "langfuse"


def test_a_second_up_changes_nothing_and_only_reads(first: Up) -> None:
    before = len(first.prod.calls())
    run = first.prod.ops("up")
    assert run.code == 0, run.output
    assert re.search(r"\d+ unchanged", run.output)
    assert not any(word in run.output for word in (" created", " updated", " replaced", " deleted"))
    assert {call["verb"] for call in first.prod.calls()[before:]} <= READS


def test_no_secret_of_the_vault_is_found_anywhere(first: Up) -> None:
    prod = first.prod
    preview = prod.shell(
        *("pulumi", "preview", "--json", "--stack", "test", "--config-file", str(_copy(prod)), "--diff"),
    )
    assert preview.code == 0, preview.output
    places = {
        "output of up": first.run.output,
        "preview": preview.output,
        "state": json.dumps(prod.export()),
        "decoded state": _decoded(prod.export()),
        "command lines": "\n".join(first.command_lines),
        "calls of fly": json.dumps(prod.calls()),
    }
    for folder in (prod.stack.folder / "state", prod.stack.folder / "build", prod.stack.folder / "artifacts"):
        for path in folder.rglob("*"):
            if path.is_file():
                places[str(path)] = path.read_text(errors="replace")
    found = {
        (place, name)
        for name, forms in _canaries(prod).items()
        for place, text in places.items()
        if any(form in text for form in forms)
    }
    assert len(_canaries(prod)) == 7
    assert not found
    assert any("artifacts" in place for place in places), "no evidence was looked at"
    assert any("platforms.fly" in line for line in first.command_lines), "nothing was watched"


def _copy(prod: Rehearsal) -> Path:
    """Settings for plain Pulumi, which writes its salt into them."""
    path = prod.stack.folder / "plain.yaml"
    path.write_text(prod.stack.config_file.read_text())
    return path


def _canaries(prod: Rehearsal) -> dict[str, set[str]]:
    """Every secret of the vault in every spelling; of a URL, its password."""
    found = {}
    for name, value in prod.vault.items():
        if "canary" not in value:
            continue
        secret = value.partition("@")[0].rpartition(":")[2] if "://" in value else value
        encoded = base64.b64encode(secret.encode()).decode()
        middles = {base64.b64encode(b"x" * pad + secret.encode()).decode()[4:-4] for pad in range(3)}
        found[name] = {
            secret,
            quote(secret, safe=""),
            quote_plus(secret),
            json.dumps(secret)[1:-1],
            json.dumps(json.dumps(secret))[3:-3],
            encoded,
            *middles,
        }
    return found


def _decoded(export: dict[str, object]) -> str:
    """Everything in the state that is base64, decoded."""
    text = json.dumps(export)
    blobs = re.findall(r"[A-Za-z0-9+/]{40,}={0,2}", text)
    return "\n".join(
        base64.b64decode(blob + "=" * (-len(blob) % 4), validate=False).decode(errors="replace") for blob in blobs
    )


@pytest.mark.soak
def test_down_stops_the_machines_and_keeps_everything(first: Up) -> None:
    before = first.prod.inventory()
    down = first.prod.ops("down")
    assert down.code == 0, down.output
    assert {machine["state"] for machine in first.prod.cloud()["machines"].values()} == {"stopped"}
    assert first.prod.inventory() == before
    up = first.prod.ops("up")
    assert up.code == 0, up.output
    assert {machine["state"] for machine in first.prod.cloud()["machines"].values()} == {"started"}
    assert first.prod.inventory() == before


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", ["crash", "lost"])
def test_a_run_that_loses_fly_at_any_change_is_finished_by_the_next(
    kind: str, first: Up, tmp_path_factory: pytest.TempPathFactory
) -> None:
    changes = [call["step"] for call in first.prod.calls() if call["writes"]][: 3 * len(APPS) + 2]
    for step in changes:
        with rehearsal(tmp_path_factory.mktemp(f"{kind}{step}")) as prod:
            prod.ops("up", FAKE_FLY_FAULTS=json.dumps([{"kind": kind, "step": step}]))
            run = prod.ops("up")
            assert run.code == 0, f"{kind} at step {step}\n{run.output}"
            assert prod.inventory() == first.prod.inventory()

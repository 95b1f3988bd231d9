"""The whole stack on Docker, driven by the commands that an operator uses."""

import json
import stat
import time
from pathlib import Path

import httpx
import psycopg
import pytest

from checks.trace import OTLP_PATH, PublicApi, new_user_id
from ops.session import ROOT
from tests.contract import OUTPUTS
from tests.e2e.stack import REGISTERED, Run, TestStack, twin_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]

SERVICES = [
    *("cache", "clickhouse", "gateway", "langfuse-web", "langfuse-worker", "minio", "postgres", "redis"),
    *("relay", "relay-proxy"),
]
HOPS = ["gateway answer", "relay", "rows in ClickHouse", "object in the bucket", "read back by the API"]
GENERATED = "random:index/randomPassword:RandomPassword"
SECRETS = {"gateway_master_key", "langfuse_secret_key", "owner_password", "gateway_env"}


def admin_url(stack: TestStack) -> str:
    export = stack.shell("pulumi", "stack", "export", "--show-secrets", "--stack", "test")
    resources = export.json["deployment"]["resources"]
    [schema] = [entry for entry in resources if entry["urn"].endswith("::langfuse-schema")]
    url: str = json.loads(schema["inputs"]["admin_url"]["plaintext"])
    return url.partition("?")[0]


def keys_of(env: dict[str, str]) -> tuple[str, str]:
    return env["LANGFUSE_PUBLIC_KEY"], env["LANGFUSE_SECRET_KEY"]


def sent_to_the_relay(env: dict[str, str]) -> str:
    """User id of a trace that an application sends with the variables that it is given."""
    user_id = new_user_id()
    url, _, path = env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"].partition(OTLP_PATH)
    assert not path
    PublicApi(url, *keys_of(env), "").send_trace(user_id)
    return user_id


def test_up_ends_with_a_proven_trace_and_a_table_of_services(brought_up: tuple[TestStack, Run]) -> None:
    _, run = brought_up
    assert run.code == 0, run.output
    assert all(f"✓ {hop}" in run.output for hop in HOPS)
    assert all(service in run.output for service in SERVICES)
    assert "http://localhost:" in run.output


def test_every_container_is_healthy_after_up(stack: TestStack) -> None:
    status = stack.ops("status", "--json").json
    assert status["healthy"] is True
    assert sorted(entry["service"] for entry in status["services"]) == SERVICES


def test_the_doctor_finds_nothing_in_a_new_stack(stack: TestStack) -> None:
    run = stack.ops("doctor", "--json")
    verdicts = {row["id"]: row["verdict"] for row in run.json["rows"]}
    verdicts.pop("clickhouse-disk")  # the machine's own disk may be full
    assert set(verdicts.values()) <= {"healthy", "not applicable"}, run.output
    assert run.json["environment"]["langfuse-web"]["ENCRYPTION_KEY"] == "… (64 characters)"


def test_a_second_up_changes_nothing(stack: TestStack) -> None:
    run = stack.ops("up", "--expect-no-changes")
    assert run.code == 0, run.output
    assert f"{REGISTERED} unchanged" in run.output
    assert not any(word in run.output for word in ("created", "updated", "replaced", "deleted"))


def test_the_outputs_are_the_contract_and_secrets_are_masked(stack: TestStack) -> None:
    shown = stack.shell("pulumi", "stack", "output", "--json", "--stack", "test").json
    assert set(shown) == OUTPUTS
    assert {name for name, value in shown.items() if value == "[secret]"} == SECRETS
    assert set(shown["checks"].values()) == {"ok"}


def test_plain_pulumi_sees_no_changes(stack: TestStack, tmp_path: Path) -> None:
    """In the environment of `make shell`, without any of our commands."""
    settings = tmp_path / "settings.yaml"
    settings.write_text(stack.config_file.read_text())
    run = stack.shell("pulumi", "preview", "--expect-no-changes", "--config-file", str(settings), "-s", "test")
    assert run.code == 0, run.output


def test_no_secret_is_written_or_shown_in_plain(brought_up: tuple[TestStack, Run]) -> None:
    stack, run = brought_up
    export = stack.shell("pulumi", "stack", "export", "--show-secrets", "--stack", "test").json
    resources = export["deployment"]["resources"]
    values = {
        json.loads(entry["outputs"][field]["plaintext"])
        for entry in resources
        for field in ("hex", "result")
        if isinstance(entry.get("outputs", {}).get(field), dict)
    }
    registered = json.loads((ROOT / "tests" / "unit" / "registered.json").read_text())
    assert len(values) == sum(kind == GENERATED for kind, _, _ in registered)
    places = {"the output of up": run.output}
    for path in (stack.folder / "state").rglob("*"):
        if path.is_file():
            places[str(path)] = path.read_text(errors="replace")
    for name in stack.names("container"):
        places[f"command line of {name}"] = stack.docker("inspect", "--format", "{{.Path}} {{json .Args}}", name)
    shown = {place for place, text in places.items() for value in values if value in text}
    assert not shown


def test_state_files_are_private(stack: TestStack) -> None:
    state = stack.folder / "state"
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert stat.S_IMODE((state / "passphrase").stat().st_mode) == 0o600


def test_smoke_follows_every_hop(stack: TestStack) -> None:
    run = stack.ops("smoke", "--json")
    found = run.json
    assert (run.code, found["ok"]) == (0, True)
    assert [hop["name"] for hop in found["hops"]] == HOPS


def test_smoke_names_the_hop_that_a_stopped_worker_breaks(stack: TestStack) -> None:
    stack.docker("stop", "--time", "5", stack.container("langfuse-worker"))
    try:
        run = stack.ops("smoke", "--json", "--deadline", "4")
    finally:
        stack.docker("start", stack.container("langfuse-worker"))
    found = run.json
    assert (run.code, found["broken"]) == (1, "taken by the worker")
    assert "langfuse-worker" in found["findings"][0]["fix"]


def test_smoke_names_the_relay_that_is_stopped(stack: TestStack) -> None:
    assert stack.ops("stop", "relay").code == 0
    try:
        run = stack.ops("smoke", "--json", "--deadline", "4")
    finally:
        assert stack.ops("start", "relay").code == 0
    found = run.json
    assert (run.code, found["broken"]) == (1, "relay")


def test_smoke_says_when_clickhouse_has_another_password(stack: TestStack) -> None:
    clickhouse = stack.container("clickhouse")
    users = "/etc/clickhouse-server/users.d/langfuse-users.xml"
    other = f"s#<password_sha256_hex>.*<#<password_sha256_hex>{'0' * 64}<#"
    stack.docker("exec", clickhouse, "sed", "-i.kept", other, users)
    stack.docker("restart", clickhouse)
    try:
        run = stack.ops("smoke", "--json", "--deadline", "6")
    finally:
        stack.docker("exec", clickhouse, "mv", f"{users}.kept", users)
        stack.docker("restart", clickhouse)
    found = run.json
    assert run.code == 1
    assert any("516" in finding["seen"] for finding in found["findings"])


def test_the_gateway_serves_on_while_langfuse_is_down(stack: TestStack) -> None:
    outputs = stack.outputs()
    stack.docker("kill", stack.container("langfuse-web"))
    try:
        answer = httpx.post(
            f"{outputs['gateway_url']}/v1/chat/completions",
            headers={"Authorization": f"Bearer {outputs['gateway_master_key']}"},
            json={"model": "smoke", "messages": [{"role": "user", "content": "still there?"}]},
            timeout=20,
        )
    finally:
        stack.docker("start", stack.container("langfuse-web"))
    assert answer.json()["choices"][0]["message"]["content"] == "pong"


def test_sign_up_is_closed(stack: TestStack) -> None:
    url = f"http://127.0.0.1:{stack.config['langfuse:webPort']}/api/auth/signup"
    body = {"email": "stranger@example.com", "password": "Stranger-1", "name": "Stranger"}
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            answer = httpx.post(url, json=body, timeout=5)
            break
        except httpx.TransportError:
            time.sleep(0.5)
    assert answer.status_code == 422
    assert "disabled" in answer.text


def test_somebody_elses_schema_is_untouched(stack: TestStack) -> None:
    with psycopg.connect(admin_url(stack)) as db:
        [emails] = db.execute("SELECT array_agg(email ORDER BY email) FROM app.customers").fetchall()
    assert emails[0] == ["ada@example.com", "edsger@example.com", "grace@example.com"]


def test_env_writes_the_applications_file_for_its_owner_only(stack: TestStack, tmp_path: Path) -> None:
    file = tmp_path / "app.env"
    file.write_text("OPENAI_API_KEY=old\nTHEIRS=kept\n")
    file.chmod(0o644)
    run = stack.ops("env", "--file", str(file))
    assert run.code == 0, run.output
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    values = dict(line.split("=", 1) for line in file.read_text().splitlines())
    assert values == {**stack.outputs()["gateway_env"], "THEIRS": "kept"}
    assert values["OPENAI_API_KEY"] not in run.output


@pytest.mark.attack(
    "a second stack on the volumes of one that is down",
    layer="owner of the instance",
    message="is another stack's",
    alone=True,
)
def test_a_trace_sent_before_down_is_readable_after_up_although_a_second_stack_wanted_its_volumes(
    stack: TestStack, tmp_path: Path
) -> None:
    sent = stack.ops("smoke", "--json").json
    trace_id = sent["hops"][-1]["seen"].split()[-1]
    volumes = stack.names("volume")
    env = stack.outputs()["gateway_env"]
    stack.docker("kill", stack.container("langfuse-web"))
    taken_by_the_relay = [sent_to_the_relay(env) for _ in range(20)]
    stack.docker("kill", stack.container("relay"))

    down = stack.ops("down")
    assert down.code == 0, down.output
    assert stack.names("container") == []
    assert stack.names("network") == []
    assert stack.names("volume") == volumes

    twin = twin_of(stack, tmp_path)
    assert twin.ops("preview").code == 0, "neither pack nor gate knows of another stack's state"
    refused = twin.ops("up")
    assert refused.code == 1
    assert all(f"volume {name} is another stack's" in refused.output for name in volumes if name.endswith("_data"))
    assert stack.names("container") == []
    assert stack.names("volume") == volumes

    up = stack.ops("up")
    assert up.code == 0, up.output
    api = httpx.Client(base_url=env["LANGFUSE_HOST"], auth=keys_of(env), timeout=20)
    answer = api.get(f"/api/public/traces/{trace_id}")
    assert answer.status_code == 200
    assert answer.json()["id"] == trace_id
    for user_id in taken_by_the_relay:
        found = api.get("/api/public/traces", params={"userId": user_id}).json()
        assert found["meta"]["totalItems"] == 1, "taken while web was killed, and held by a relay that was killed too"


def test_a_second_run_at_the_same_time_is_refused(stack: TestStack) -> None:
    with stack.started("up") as first:
        deadline = time.monotonic() + 60
        lock = stack.folder / "state" / "test.lock"
        while time.monotonic() < deadline and lock.read_text() != str(first.pid):
            time.sleep(0.05)
        second = stack.ops("up")
        first.communicate(timeout=300)
    assert second.code == 1
    assert f"another run (process {first.pid}) is changing stack test" in second.output
    assert first.returncode == 0


def test_the_committed_settings_files_are_never_written(stack: TestStack) -> None:
    assert "encryptionsalt" not in stack.config_file.read_text()
    assert "encryptionsalt" not in (ROOT / "Pulumi.local.yaml").read_text()

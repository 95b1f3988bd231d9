"""What the program declares once secrets were rotated: every generation, the newest in use, the one before if asked."""

import json
from hashlib import sha256

import pytest

from settings import SettingsError, load
from tests.unit.recorder import ROOT, Recording, recorded

REGISTERED = {tuple(entry) for entry in json.loads((ROOT / "tests" / "unit" / "registered.json").read_text())}
PASSWORD = "random:index/randomPassword:RandomPassword"
USERS = "/etc/clickhouse-server/users.d/"


def rotated(*, rotating: str = "", **generations: int) -> Recording:
    names = {name.replace("_", "-"): number for name, number in generations.items()}
    config = {"langfuse-stack:rotations": json.dumps(names)}
    return recorded({**config, **({"langfuse-stack:rotating": rotating} if rotating else {})})


def files(recording: Recording, name: str) -> dict[str, str]:
    uploads = recording.one(name).inputs["uploads"]
    return {str(upload["file"]): text(upload["content"]) for upload in uploads}


def text(value: object) -> str:
    return str(value["value"] if isinstance(value, dict) else value)


def test_a_rotation_adds_a_protected_secret_and_takes_nothing_away() -> None:
    found = rotated(redis_password=3)
    registered = {(entry.type, entry.name, entry.parent) for entry in found.resources}
    new = {(PASSWORD, f"redis-password-{number}", "secrets") for number in (2, 3)}
    assert registered == REGISTERED | new
    for _, name, _ in new:
        entry = found.one(name)
        assert (entry.protect, entry.retain_on_delete, bool(entry.delete_hooks)) == (True, True, True)


def test_clients_get_the_newest_generation() -> None:
    found = rotated(
        clickhouse_password=2,
        gateway_master_key=2,
        langfuse_keys=2,
        langfuse_role_password=2,
        minio_app_secret_key=2,
        nextauth_secret=2,
        redis_password=2,
    )
    web, gateway = found.env("langfuse-web"), found.env("gateway")
    assert (web["CLICKHOUSE_USER"], web["CLICKHOUSE_PASSWORD"]) == ("langfuse_b", "result-of-clickhouse-password-2")
    assert web["LANGFUSE_S3_EVENT_UPLOAD_ACCESS_KEY_ID"] == "langfuse-app-2"
    assert web["LANGFUSE_S3_EVENT_UPLOAD_SECRET_ACCESS_KEY"] == "result-of-minio-app-secret-key-2"
    assert web["NEXTAUTH_SECRET"] == "result-of-nextauth-secret-2"
    assert "langfuse:result-of-langfuse-role-password-2@" in web["DATABASE_URL"]
    assert web["LANGFUSE_INIT_PROJECT_PUBLIC_KEY"] == "pk-lf-hex-of-langfuse-public-key-2"
    assert gateway["LANGFUSE_SECRET_KEY"] == "sk-lf-result-of-langfuse-secret-key-2"
    assert gateway["LITELLM_MASTER_KEY"] == "sk-result-of-gateway-master-key-2"
    assert web["REDIS_AUTH"] == gateway["REDIS_PASSWORD"] == "result-of-redis-password-2"


def test_redis_takes_both_passwords_while_clients_change_over_and_then_the_new_one_alone() -> None:
    [both] = files(rotated(rotating="redis-password", redis_password=2), "redis").values()
    [alone] = files(rotated(redis_password=2), "redis").values()
    assert "user default on >result-of-redis-password >result-of-redis-password-2 ~* &* +@all" in both
    assert "requirepass result-of-redis-password-2" in alone
    assert "user default" not in alone


def test_clickhouses_two_users_take_turns_and_the_idle_ones_password_goes_with_its_turn() -> None:
    def passwords(rotating: str, number: int) -> tuple[str, ...]:
        found = files(rotated(rotating=rotating, clickhouse_password=number), "clickhouse")
        users = [found[f"{USERS}{name}.xml"] for name in ("langfuse-users", "langfuse-second-user")]
        assert "<langfuse>" in users[0]
        assert "<langfuse_b>" in users[1]
        known = {sha256(value.encode()).hexdigest(): value for value in values}
        return tuple(next(value for digest, value in known.items() if digest in user) for user in users)

    values = ["result-of-clickhouse-password", *(f"result-of-clickhouse-password-{number}" for number in (2, 3))]
    first, second, third = values
    assert passwords("clickhouse-password", 2) == (first, second)
    assert passwords("", 2) == (second, second)
    assert passwords("clickhouse-password", 3) == (third, second)
    assert passwords("", 3) == (third, third)


def test_the_stores_earlier_users_are_retired_once_nothing_uses_them() -> None:
    def key(rotating: str, number: int) -> tuple[object, object]:
        found = rotated(rotating=rotating, minio_app_secret_key=number).one("minio-app-key")
        return found.inputs["access_key"], found.inputs.get("retired")

    assert key("minio-app-secret-key", 2) == ("langfuse-app-2", None)
    assert key("", 2) == ("langfuse-app-2", ["langfuse-app"])
    assert key("", 3) == ("langfuse-app-3", ["langfuse-app", "langfuse-app-2"])


def test_a_mark_without_a_rotation_changes_nothing() -> None:
    found = recorded({"langfuse-stack:rotating": "redis-password"})
    assert {(entry.type, entry.name, entry.parent) for entry in found.resources} == REGISTERED


@pytest.mark.parametrize("rotations", ['{"salt": 2}', '{"encryption-key": 2}', '{"redis-password": 0}'])
def test_the_settings_refuse_what_is_not_rotated(rotations: str) -> None:
    with pytest.raises(SettingsError, match="langfuse-stack:rotations"):
        load({"langfuse-stack:rotations": rotations})

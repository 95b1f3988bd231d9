"""What the plan gate reads and refuses, operation by operation."""

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.base import DELETE_HOOK as COMPONENTS_HOOK
from policy.allowed_changes import FILE, Allowed, AllowListError, read_allowed
from policy.guards import DELETE_HOOK
from policy.inventories import Inventory, key_of, mounter_of
from policy.plan import Plan, PlanError, read_plan
from policy.plan_gate import Refusal, judge

TODAY = dt.date(2026, 1, 15)
STACK = "urn:pulumi:test::langfuse-stack::"
VOLUME = f"{STACK}langfuse-stack:index:Redis$docker:index/volume:Volume::redis-data"
OTHER_VOLUME = f"{STACK}langfuse-stack:index:Redis$docker:index/volume:Volume::queue-data"
CONTAINER = f"{STACK}langfuse-stack:index:Redis$docker:index/container:Container::redis"
GATE = f"{STACK}langfuse-stack:index:Redis$pulumi-python:dynamic/checks:RedisGate::redis-gate"
GUARDED = {"protect": True, "retainOnDelete": True, "resourceHooks": {"BeforeDelete": [DELETE_HOOK]}}
LOSSES = {
    "delete": "delete",
    "discard": "delete",
    "replace": "replace",
    "create-replacement": "replace",
    "delete-replaced": "replace",
    "discard-replaced": "replace",
    "read-replacement": "replace",
    "import-replacement": "replace",
    "remove-pending-replace": "replace",
    "import": "import",
    "read": "import",
}


def state(urn: str, **more: Any) -> dict[str, Any]:
    kind = urn.split("::")[2].rpartition("$")[2]
    return {"urn": urn, "type": kind, **(GUARDED if "volume" in kind else {}), **more}


def step(op: str, urn: str, **more: Any) -> dict[str, Any]:
    entry = state(urn, **more)
    return {"op": op, "urn": urn, "oldState": entry, "newState": None if op == "delete" else entry}


def plan(*steps: Mapping[str, Any]) -> Plan:
    return read_plan(json.dumps({"steps": [step("same", f"{STACK}pulumi:pulumi:Stack::s"), *steps]}))


def refused(
    *steps: Mapping[str, Any], before: tuple[Mapping[str, Any], ...] = (), allowed: tuple[Allowed, ...] = ()
) -> tuple[Refusal, ...]:
    return judge(plan(*steps), before, allowed, TODAY).refusals


@pytest.mark.parametrize(("operation", "kind"), LOSSES.items())
def test_every_operation_that_loses_data_is_refused(operation: str, kind: str) -> None:
    [refusal] = refused(step(operation, VOLUME))
    assert (refusal.urn, refusal.operation, refusal.what) == (VOLUME, kind, "a volume")


@pytest.mark.parametrize("operation", ["same", "create", "update", "refresh"])
def test_operations_that_keep_data_pass(operation: str) -> None:
    assert refused(step(operation, VOLUME)) == ()


@pytest.mark.parametrize("operation", sorted(LOSSES))
def test_a_container_may_be_deleted_and_replaced(operation: str) -> None:
    assert refused(step(operation, CONTAINER)) == ()


@pytest.mark.parametrize("urn", [VOLUME, CONTAINER])
def test_an_operation_that_the_gate_does_not_know_is_refused_on_anything(urn: str) -> None:
    [refusal] = refused(step("transmogrify", urn))
    assert "does not know the operation 'transmogrify'" in refusal.why


def test_all_refusals_are_listed_at_once_and_name_what_changed() -> None:
    replaced = {**step("replace", VOLUME), "replaceReasons": ["driver"]}
    found = refused(replaced, step("create-replacement", VOLUME), step("delete", OTHER_VOLUME))
    assert [(refusal.name, refusal.operation) for refusal in found] == [
        ("redis-data", "replace"),
        ("queue-data", "delete"),
    ]
    assert "changed: driver" in found[0].why


@pytest.mark.parametrize(
    ("lost", "word"),
    [("protect", "protect"), ("retainOnDelete", "retain_on_delete"), ("resourceHooks", "delete_hook")],
)
def test_data_that_loses_a_guard_is_refused(lost: str, word: str) -> None:
    entry = step("same", VOLUME, **{lost: None})
    [refusal] = refused(entry)
    assert refusal.operation == "unguard"
    assert refusal.why == f"it is declared without {word}"


def test_the_gate_looks_for_the_hook_that_the_components_attach() -> None:
    assert DELETE_HOOK == COMPONENTS_HOOK


def test_data_under_a_proven_gate_is_never_made_anew() -> None:
    chain = (
        step("create", VOLUME),
        step("same", CONTAINER, propertyDependencies={"volumes": [VOLUME]}),
        step("same", GATE, dependencies=[CONTAINER]),
    )
    [refusal] = refused(*chain, before=(state(GATE), state(CONTAINER)))
    assert refusal.operation == "create"
    assert "was present, now missing: redis-gate" in refusal.why
    assert refused(*chain) == (), "a first run creates it"


def test_data_that_the_stack_never_had_is_new_and_what_it_had_is_missed_without_any_gate() -> None:
    chain = (
        step("create", VOLUME),
        step("create", OTHER_VOLUME),
        step("same", GATE, dependencies=[VOLUME, OTHER_VOLUME]),
    )
    before = (state(GATE),)
    found = judge(plan(*chain), before, (), TODAY, known={VOLUME}).refusals
    assert [(refusal.urn, refusal.operation) for refusal in found] == [(VOLUME, "create")]
    [missed] = judge(plan(step("create", VOLUME)), (), (), TODAY, known={VOLUME}).refusals
    assert "this stack has had it" in missed.why


@pytest.mark.parametrize(
    ("before", "after", "moves"),
    [
        ("default_4_21_1", "default_4_22_0", False),
        ("default_4_21_1", "other-host", True),
        ("one-host", "other-host", True),
        ("one-host", "one-host", False),
    ],
)
def test_data_stays_with_its_provider_but_a_new_version_of_it_is_fine(before: str, after: str, *, moves: bool) -> None:
    old, new = (state(VOLUME, provider=f"{STACK}pulumi:providers:docker::{name}::id") for name in (before, after))
    found = refused({"op": "same", "urn": VOLUME, "oldState": old, "newState": new})
    assert [refusal.operation for refusal in found] == ["replace"] * moves


def test_a_leftover_import_option_is_refused() -> None:
    [refusal] = refused(step("same", VOLUME, importID="langfuse_redis_data"))
    assert refusal.operation == "import"


def test_two_resources_for_one_volume_are_refused_and_a_move_with_an_alias_is_not() -> None:
    name = {"inputs": {"name": "langfuse_redis_data"}}
    kept = step("same", VOLUME, **name)
    [refusal] = refused(kept, step("create", OTHER_VOLUME, **name))
    assert refusal.operation == "share"
    moved = step("same", OTHER_VOLUME, aliases=[VOLUME], **name)
    assert refused(moved, before=(state(VOLUME, **name),)) == ()


def test_an_allowed_operation_passes_only_on_its_resource_and_until_its_day() -> None:
    entry = Allowed(urn=VOLUME, operation="delete", reason="Copied to another machine.", expires=TODAY)
    assert refused(step("delete", VOLUME), allowed=(entry,)) == ()
    assert refused(step("replace", VOLUME), allowed=(entry,))
    assert refused(step("delete", OTHER_VOLUME), allowed=(entry,))
    late = judge(plan(step("delete", VOLUME)), (), (entry,), TODAY + dt.timedelta(days=1))
    assert late.refusals
    assert "expired on 2026-01-15" in late.notes[0]


def test_the_allow_list_says_what_was_used_and_what_is_not_needed() -> None:
    entry = Allowed(urn=VOLUME, operation="delete", reason="Copied to another machine.", expires=TODAY)
    assert "let through" in judge(plan(step("delete", VOLUME)), (), (entry,), TODAY).notes[0]
    assert "not needed" in judge(plan(step("same", VOLUME)), (), (entry,), TODAY).notes[0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "error: something",
        "{",
        "[]",
        "{}",
        '{"steps": null}',
        '{"steps": []}',
        '{"steps": [{"op": "same"}]}',
        '{"steps": [7]}',
        '{"steps": [{"op": "same", "urn": "u", "newState": "x"}]}',
    ],
)
def test_a_plan_that_cannot_be_read_fails_closed(text: str) -> None:
    with pytest.raises(PlanError):
        read_plan(text)


def test_options_that_only_the_state_holds_count_as_a_change() -> None:
    before, after = state(VOLUME), state(VOLUME, protect=False)
    changed = {"op": "same", "urn": VOLUME, "oldState": before, "newState": after}
    assert not plan(changed).changes_nothing
    stamps = {"op": "same", "urn": VOLUME, "oldState": {**before, "modified": "a", "id": "x"}, "newState": before}
    assert plan(stamps).changes_nothing


def test_the_committed_allow_list_can_be_read() -> None:
    read_allowed(FILE, dt.datetime.now(tz=dt.UTC).date())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "valid"),
        ("allowed: [", "cannot be read"),
        ("allow: []", "allow"),
        (f"allowed: [{{urn: '{VOLUME}', operation: delete, reason: long enough}}]", "expires"),
        (f"allowed: [{{urn: '{VOLUME}', operation: purge, reason: long enough, expires: 2026-01-20}}]", "operation"),
        ("allowed: [{urn: '*', operation: delete, reason: long enough, expires: 2026-01-20}]", "urn"),
        (f"allowed: [{{urn: '{VOLUME}', operation: delete, reason: short, expires: 2026-01-20}}]", "reason"),
        (f"allowed: [{{urn: '{VOLUME}', operation: delete, reason: long enough, expires: 2026-03-01}}]", "30 days"),
    ],
)
def test_an_allow_list_that_is_wrong_fails_closed_and_says_where(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "allowed.yaml"
    path.write_text(text)
    with pytest.raises(AllowListError, match=words):
        read_allowed(path, TODAY)


def test_a_missing_allow_list_fails_closed(tmp_path: Path) -> None:
    with pytest.raises(AllowListError, match="cannot be read"):
        read_allowed(tmp_path / "none.yaml", TODAY)


DATA_KEYS = f"{STACK}langfuse-stack:index:LangfuseWeb$pulumi-python:dynamic/checks:DataKeys::data-keys"
CLICKHOUSE_GATE = f"{STACK}langfuse-stack:index:ClickHouse$pulumi-python:dynamic/checks:ClickHouse::clickhouse-gate"


def changed(urn: str, before: Mapping[str, Any], after: Mapping[str, Any], **outputs: Any) -> dict[str, Any]:
    """A step in which a resource gets other inputs."""
    guards = GUARDED if urn == DATA_KEYS else {}
    old, new = (state(urn, inputs=inputs, outputs=outputs, **guards) for inputs in (before, after))
    return {"op": "same", "urn": urn, "oldState": old, "newState": new}


def test_another_address_of_data_is_refused_until_somebody_allows_it() -> None:
    before, after = ({"addresses": {"langfuse:project": name}} for name in ("a", "b"))
    step = changed(DATA_KEYS, before, after)
    [refusal] = refused(step)
    assert (refusal.operation, refusal.urn) == ("readdress", DATA_KEYS)
    assert "langfuse:project would go from 'a' to 'b'" in refusal.why
    assert "Addresses of data" in refusal.fix
    entry = Allowed(urn=DATA_KEYS, operation="readdress", reason="Starts a new project.", expires=TODAY)
    assert refused(step, allowed=(entry,)) == ()


def test_an_older_server_is_refused_and_no_allow_list_entry_can_name_that() -> None:
    old, new = ({"server": {"image": image, "version": version}} for image, version in (("a", "25.12"), ("b", "25.8")))
    [refusal] = refused(changed(CLICKHOUSE_GATE, old, new, evidence={"version": "25.12.1"}, **old))
    assert refusal.operation == "downgrade"
    assert "ClickHouse 25.8 is older than 25.12.1" in refusal.why
    with pytest.raises(ValueError, match="operation"):
        Allowed(urn=CLICKHOUSE_GATE, operation="downgrade", reason="We know better.", expires=TODAY)  # type: ignore[arg-type]


def test_a_mount_that_the_inventory_does_not_name_is_refused() -> None:
    listed = Inventory(
        {key_of(VOLUME): {"name": "langfuse_redis_data"}},
        options={key_of(VOLUME): {"mountedBy": (mounter_of(CONTAINER),)}},
    )
    mounting = {"inputs": {"volumes": [{"volumeName": "langfuse_redis_data"}]}}
    other = CONTAINER.replace("::redis", "::cleaner")
    found = judge(plan(step("create", other, **mounting)), (), (), TODAY, inventory=listed).refusals
    assert [(refusal.urn, refusal.operation) for refusal in found] == [(other, "mount")]
    for harmless in (step("create", CONTAINER, **mounting), step("delete", other, **mounting)):
        assert judge(plan(harmless), (), (), TODAY, inventory=listed).refusals == ()

"""What can go wrong between the caller and Fly.

A fault is a dictionary: `kind`, and when: at `step` (calls are counted from 1, over all processes), at each call of
`verb`, at most `times` times, or with the step `each` at every step of a whole run, one after the other over as many
runs as that takes. Such a step is an action of the driver together with the changes that Fly has seen so far: between
two calls that share both, nothing has changed that a run could leave behind. `since` and `until` name changes (for
example `deploy my-app`) that bound a part of the run.

* before Fly does anything: `rate_limit`, `logged_out`, `refused`, `forbidden`, `payment`, `no_room`, `crashing`
* after it: `crash` (no answer, exit 137), `lost` (a network error), `garbage`, `truncated`, `empty`
* around it: `slow` (waits `seconds` first), `ansi` (colours and a warning), `kill_caller` (SIGKILL for the parent),
  `halt` (no answer for as long as the parent lives, and a file that says so)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fly.fake.parse import UNLOCKED, WRITES, Arguments, UsageError

if TYPE_CHECKING:
    from tests.fly.fake.cloud import Cloud, State

BEFORE = {
    "rate_limit": "Error: failed to list: rate limit exceeded (429)",
    "logged_out": "Error: no access token available. Please login with 'flyctl auth login'",
    "refused": "Error: server returned a non-200 status code: 500",
    "forbidden": "Error: failed to create volume: forbidden",
    "payment": "Error: failed to launch VM: 402 payment required: add a credit card to this organization",
    "no_room": "Error: failed to create volume: insufficient resources available to fulfill request",
    "crashing": "Error: smoke checks for 1 failed: the app appears to be crashing",
}
Result = tuple[int | None, str, str]


def change(words: list[str]) -> str:
    """What a command line changes: its verb and the app or volume; empty for one that only reads."""
    try:
        arguments = Arguments(words)
    except UsageError:
        return ""
    target = arguments.flags.get("-a") or "".join(arguments.positionals[:1])
    return f"{arguments.verb} {target}" if arguments.verb in WRITES else ""


def due(
    state: State, verb: str, faults: list[dict[str, Any]], changes: str = "", asked_by: str = ""
) -> list[dict[str, Any]]:
    """Count one call, and choose the faults that strike it.

    Args:
        state: the cloud's.
        verb: of the call.
        faults: see above.
        changes: see `change`.
        asked_by: the driver's action.
    """
    state["step"] += 1
    found = []
    for index, fault in enumerate(faults):
        if fault.get("step") == "each":
            if verb not in UNLOCKED and _is_new(state, fault, changes, asked_by):
                found.append(fault)
            continue
        key = str(index)
        used = state["fault_uses"].get(key, 0)
        here = fault.get("step") == state["step"] or (fault.get("verb") == verb and "step" not in fault)
        if here and used < fault.get("times", 1):
            state["fault_uses"][key] = used + 1
            found.append(fault)
    return found


def _is_new(state: State, fault: dict[str, Any], changes: str, asked_by: str) -> bool:
    """Whether a step is inside of the fault's part of the run, and was never struck before."""
    seen = {*state["changes"], *([changes] if changes else [])}
    since, until = fault.get("since"), fault.get("until")
    inside = (since is None or since in seen) and until not in seen
    step = f"{asked_by} after {len(seen)}"
    if not inside or step in state["struck"]:
        return False
    state["struck"][step] = changes
    return True


def call(cloud: Cloud, words: list[str], stdin: str, verb: str, struck: list[dict[str, Any]]) -> Result:
    """The call, as its caller sees it."""
    kinds = [fault["kind"] for fault in struck]
    for kind in kinds:
        if kind in BEFORE:
            return 1, "", f"{BEFORE[kind]}\n"
    result = cloud.call(words, stdin)
    made = change(words)
    if made and result[0] == 0 and made not in cloud.state["changes"]:
        cloud.state["changes"].append(made)
    for kind in kinds:
        result = _spoilt(kind, result)
    if verb == "deploy" and {"crash", "lost", "kill_caller", "halt"} & set(kinds):
        cloud.state["leases"] += [m["id"] for m in cloud.state["machines"].values() if m["app"] in words]
    return result


def _spoilt(kind: str, result: Result) -> Result:
    code, out, err = result
    return {
        "crash": (137, "", ""),
        "lost": (1, "", 'Error: Post "https://api.machines.dev/v1": read tcp: connection reset by peer\n'),
        "garbage": (0, "<html>502 Bad Gateway</html>", ""),
        "truncated": (code, out[: len(out) // 2], err),
        "empty": (code, "", err),
        "ansi": (code, f"\x1b[33mWARN\x1b[0m a new version is out\n\x1b[2K{out}\x1b[0m\n", err),
    }.get(kind, result)

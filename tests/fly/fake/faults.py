"""What can go wrong between the caller and Fly.

A fault is a dictionary: `kind`, and when: at `step` (calls are counted from 1, over all processes), or at each call of
`verb`, at most `times` times.

* before Fly does anything: `rate_limit`, `logged_out`, `refused`
* after it: `crash` (no answer, exit 137), `lost` (a network error), `garbage`, `truncated`, `empty`
* around it: `slow` (waits `seconds` first), `ansi` (colours and a warning), `kill_caller` (SIGKILL for the parent)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.fly.fake.cloud import Cloud, State

BEFORE = {
    "rate_limit": "Error: failed to list: rate limit exceeded (429)",
    "logged_out": "Error: no access token available. Please login with 'flyctl auth login'",
    "refused": "Error: server returned a non-200 status code: 500",
}
Result = tuple[int, str, str]


def due(state: State, verb: str, faults: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Count one call, and choose the faults that strike it."""
    state["step"] += 1
    found = []
    for index, fault in enumerate(faults):
        key = str(index)
        used = state["fault_uses"].get(key, 0)
        here = fault.get("step") == state["step"] or (fault.get("verb") == verb and "step" not in fault)
        if here and used < fault.get("times", 1):
            state["fault_uses"][key] = used + 1
            found.append(fault)
    return found


def call(cloud: Cloud, words: list[str], stdin: str, verb: str, struck: list[dict[str, Any]]) -> Result:
    """The call, as its caller sees it."""
    kinds = [fault["kind"] for fault in struck]
    for kind in kinds:
        if kind in BEFORE:
            return 1, "", f"{BEFORE[kind]}\n"
    result = cloud.call(words, stdin)
    for kind in kinds:
        result = _spoilt(kind, result)
    if verb == "deploy" and {"crash", "lost", "kill_caller"} & set(kinds):
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

"""Which tests run in one process, one after the other, when there are several processes."""

import gc
import os
from typing import TYPE_CHECKING

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling

if TYPE_CHECKING:
    from xdist.remote import Producer

os.environ.pop("COLUMNS", None)  # sentences stay on one line, as in any pipe

TOGETHER = {
    "whole stack": tuple(
        f"tests/e2e/test_{name}.py"
        for name in (
            "stack",
            "changes",
            "rollback",
            "reset",
            "backup",
            "capacity",
            "rotation",
            "scripts",
            "members",
            "single_to_cluster",
            "upgrade",
        )
    ),
    "production": ("tests/fly/test_prod.py",),
    "servers of the checks": ("tests/checks/",),
    "servers of the stand-in": ("tests/standin/",),
    "servers with backups": ("tests/backup/",),
    "stack of the doctor": ("tests/doctor/",),
    "stack of the attacks": tuple(
        f"tests/engine/test_{name}.py" for name in ("attacks", "gated_run", "environment", "terminals", "recover")
    ),
}
"""What tests share, and where their names begin; the longest first. All others stay together by file."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what is shared first, so that no long group is left for the end."""
    order = list(TOGETHER)
    items.sort(key=lambda item: order.index(group) if (group := _group(item.nodeid)) in TOGETHER else len(order))


def _group(nodeid: str) -> str:
    for shared, beginnings in TOGETHER.items():
        if nodeid.startswith(beginnings):
            return shared
    return nodeid.partition("::")[0]


class Sharing(LoadScopeScheduling):
    """Keeps tests that share something in the process that has started it."""

    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: "Producer") -> Sharing | None:
    """For `--dist loadscope`."""
    return Sharing(config, log) if config.getoption("dist") == "loadscope" else None


def pytest_collection_finish() -> None:
    """Leave what was collected out of every later look for cycles."""
    gc.collect()
    gc.freeze()

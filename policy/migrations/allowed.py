"""The lists of what a migration may say. They are data beside this file."""

import tomllib
from functools import cache
from pathlib import Path

from policy.migrations.model import Dialect

HERE = Path(__file__).parent


@cache
def allowed(dialect: Dialect, what: str) -> frozenset[str]:
    """One list of `allowed.toml`."""
    lists = tomllib.loads((HERE / "allowed.toml").read_text(encoding="utf-8"))
    return frozenset(lists[dialect][what].split())


@cache
def functions() -> frozenset[str]:
    """Functions of Postgres that take nothing away, and its operators."""
    lines = (HERE / "known.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("--") for word in line.split())

"""Which change of a column's type keeps every value."""

import re

from policy.migrations.model import Dialect

TYPE = re.compile(r"(?P<name>.+?)(?:\((?P<sizes>[\d,]+)\))?")
WIDER = {
    "int2": {"int4", "int8", "numeric", "float4", "float8"},
    "int4": {"int8", "numeric", "float8"},
    "int8": {"numeric"},
    "float4": {"float8"},
    "jsonb": {"json"},
    "varchar": {"varchar"},
    "numeric": {"numeric"},
    **{name: {name} for name in ("timestamp", "timestamptz", "time", "timetz")},
    "FixedString": {"String"},
    "Float32": {"Float64"},
    **{f"{sign}Int{bits}": {f"{sign}Int{more}" for more in (16, 32, 64, 128, 256) if more > bits}
       for sign in ("", "U") for bits in (8, 16, 32, 64, 128)},
}  # fmt: skip
"""Type to the types that hold each of its values; sizes are compared apart."""


def widens(dialect: Dialect, old: str, new: str) -> bool:
    """Whether a column of one type can be changed into the other without losing anything.

    Args:
        dialect: whose types these are.
        old: as the server notes it; empty when it is not known.
        new: as the statement names it; `=` for the same.
    """
    if new in {"=", old} or (dialect == "postgres" and new in {"text", "varchar"}):
        return True
    if dialect == "clickhouse":
        old, new = _bare(old), _bare(new)
        if new.startswith("Nullable("):
            old, new = _inside(old, "Nullable"), _inside(new, "Nullable")
        if old == new:
            return True
    before, after = TYPE.fullmatch(old), TYPE.fullmatch(new)
    if not before or not after or after["name"] not in WIDER.get(before["name"], ()):
        return False
    if not after["sizes"] or before["name"] != after["name"]:
        return True
    return bool(before["sizes"]) and _fits(before["sizes"], after["sizes"])


def _fits(old: str, new: str) -> bool:
    """Whether every digit before and behind the point has its place."""
    (size, *scale), (new_size, *new_scale) = ([int(part) for part in sizes.split(",")] for sizes in (old, new))
    behind, new_behind = (scale or [0])[0], (new_scale or [0])[0]
    return new_behind >= behind and new_size - new_behind >= size - behind


def _bare(name: str) -> str:
    """Without LowCardinality, which is only a way to store."""
    return _inside(name, "LowCardinality")


def _inside(name: str, wrapper: str) -> str:
    return name[len(wrapper) + 1 : -1] if name.startswith(f"{wrapper}(") else name

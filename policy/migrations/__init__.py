"""Which of the migrations that an image ships would take data away, judged before they run."""

from policy.migrations.approvals import APPROVALS_FILE, Approval, read_approvals, stale
from policy.migrations.clickhouse import SETTINGS, Ask, Asked
from policy.migrations.judge import judge
from policy.migrations.model import (
    LEDGERS,
    Cause,
    Existing,
    FileVerdict,
    Judged,
    Live,
    MigrationsError,
    ShippedFile,
    UnreadableError,
    Verdict,
)
from policy.migrations.shipped import Shipped, read_folder

__all__ = [
    "APPROVALS_FILE",
    "LEDGERS",
    "SETTINGS",
    "Approval",
    "Ask",
    "Asked",
    "Cause",
    "Existing",
    "FileVerdict",
    "Judged",
    "Live",
    "MigrationsError",
    "Shipped",
    "ShippedFile",
    "UnreadableError",
    "Verdict",
    "judge",
    "read_approvals",
    "read_folder",
    "stale",
]

"""The thresholds of alerts, `status --capacity` and `watch`: one table, which Prometheus reads too."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import yaml

from components.templates import read

TABLE = "monitoring/limits.yaml"


@dataclass(frozen=True)
class Limits:
    """From where on something is a finding; see the table for what each means."""

    backup_age_hours: float
    certificate_days: float
    connections_percent: float
    disk_percent: float
    events_per_second: float
    failed_jobs: float
    forecast_days: float
    gateway_errors_percent: float
    memory_percent: float
    parts_percent: float
    relay_percent: float
    secret_age_days: float
    waiting_jobs: float
    waiting_seconds: float
    watch_silent_seconds: float


def limits(changed: Mapping[Any, float] | None = None) -> Limits:
    """The table.

    Args:
        changed: what the setting `monitoring:limits` says, by name.
    """
    rules = yaml.safe_load(read(TABLE))["groups"][0]["rules"]
    usual = Limits(**{rule["record"].rpartition(":")[2]: float(rule["expr"]) for rule in rules})
    return replace(usual, **{str(name): value for name, value in (changed or {}).items()})

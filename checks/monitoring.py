"""Proof that Prometheus has its rules, reaches Alertmanager, and gets the metrics of every service."""

from typing import Any

from checks.base import CheckFailedError, CheckProvider, CheckResource, Evidence, Inputs
from checks.trace import OK, request

SEE_LOG = "see the log of the prometheus container"


class MonitoringProvider(CheckProvider):
    """See `MonitoringGate`."""

    label = "gate monitoring"
    libraries = ("httpx",)
    keys = ("url", "services", "alertmanager", "watch")

    def probe(self, inputs: Inputs) -> Evidence:
        url = inputs["url"]
        groups = _asked(url, "rules")["groups"]
        alerts = [rule["name"] for group in groups for rule in group["rules"] if rule["type"] == "alerting"]
        broken = [rule["name"] for group in groups for rule in group["rules"] if rule["health"] == "err"]
        if broken or not alerts:
            raise CheckFailedError(f"GET {url}/api/v1/rules", f"cannot be evaluated: {broken or 'no alert'}", SEE_LOG)
        if not _asked(url, "alertmanagers")["activeAlertmanagers"]:
            raise CheckFailedError(
                f"GET {url}/api/v1/alertmanagers",
                "no Alertmanager is known",
                SEE_LOG.replace("prometheus", "alertmanager"),
            )
        targets = _asked(url, "targets?state=active")["activeTargets"]
        wanted = set(inputs["services"])
        lost = {
            target["labels"]["service"]: target["lastError"] or "not scraped yet"
            for target in targets
            if target["labels"].get("service") in wanted and target["health"] != "up"
        }
        unknown = wanted - {target["labels"].get("service") for target in targets}
        if lost or unknown:
            seen = "; ".join(f"{service}: {why}" for service, why in sorted(lost.items()))
            raise CheckFailedError(
                f"GET {url}/api/v1/targets", seen or f"not watched: {', '.join(sorted(unknown))}", "`make status`"
            )
        return {"alerts": sorted(alerts), "services": sorted(wanted)}


class MonitoringGate(CheckResource, module="checks", name="Monitoring"):
    """Every rule can be evaluated, Alertmanager is known, and every service is scraped.

    Args:
        inputs: `url` of Prometheus, `services` that it must reach, `alertmanager`, `watch`.
    """

    provider = MonitoringProvider


def _asked(url: str, what: str) -> Any:
    answer = request("GET", f"{url}/api/v1/{what}", SEE_LOG)
    if answer.status_code != OK:
        raise CheckFailedError(f"GET {url}/api/v1/{what}", f"HTTP {answer.status_code}", SEE_LOG)
    return answer.json()["data"]

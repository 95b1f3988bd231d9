"""Takes what a look saw to where people and Prometheus see it."""

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from ops.session import OpsError
from ops.watch.look import Alert, Sample

TRIES = 3
TIMEOUT_SECONDS = 10
JOB = "langfuse-watch"


def post(webhook: str, stack: str, firing: Iterable[Alert], resolved: Iterable[Alert]) -> None:
    """Post alerts as Alertmanager does, so that the same receiver takes both.

    Raises:
        OpsError: the receiver took it none of several times; the URL, which may be a secret, is not told.
    """
    alerts = [*_entries(stack, firing, "firing"), *_entries(stack, resolved, "resolved")]
    status = "firing" if any(alert["status"] == "firing" for alert in alerts) else "resolved"
    body = {"version": "4", "status": status, "receiver": JOB, "groupLabels": {}, "alerts": alerts}
    _sent("the webhook", "POST", webhook, json=body)


def push(pushgateway: str, samples: Sequence[Sample]) -> None:
    """Replace what the Pushgateway has of this stack.

    Raises:
        OpsError: it took it none of several times.
    """
    _sent(f"the Pushgateway at {pushgateway}", "PUT", f"http://{pushgateway}/metrics/job/{JOB}", content=text(samples))


def text(samples: Iterable[Sample]) -> str:
    """Samples as Prometheus reads them."""
    return "".join(
        f'{sample.metric}{{{sample.label}="{sample.of}"}} {sample.value}\n'
        if sample.label
        else f"{sample.metric} {sample.value}\n"
        for sample in samples
    )


def _entries(stack: str, alerts: Iterable[Alert], status: str) -> list[dict[str, Any]]:
    return [
        {
            "status": status,
            "labels": {"alertname": alert.name, "of": alert.of, "stack": stack},
            "annotations": {"summary": f"{alert.of}: {alert.seen}", "fix": alert.fix, "runbook_url": alert.runbook},
            "startsAt": datetime.now(UTC).isoformat(),
        }
        for alert in alerts
    ]


def _sent(what: str, method: str, url: str, **body: Any) -> None:
    import httpx

    seen = ""
    for number in range(TRIES):
        time.sleep(number)
        try:
            answer = httpx.request(method, url, timeout=TIMEOUT_SECONDS, **body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            seen = type(error).__name__
            continue
        if answer.is_success:
            return
        seen = f"HTTP {answer.status_code}"
    raise OpsError(f"{what} took it none of {TRIES} times: {seen}")

"""One look at a stack: which alerts fire, and the numbers that the operator's machine alone knows."""

import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from urllib.parse import urlsplit

from checks.base import CheckFailedError, first_line
from ops.backup.access import backups
from ops.backup.catalog import newest
from ops.capacity.access import access
from ops.capacity.advice import Advice
from ops.capacity.judge import judge
from ops.capacity.measure import measure
from ops.capacity.measurement import DELETION_QUEUES, seen
from ops.limits import Limits, limits
from ops.rotation.age import ages
from ops.runtime import runtime_of
from ops.session import OpsError, Session
from ops.state import State, read_state
from platforms.errors import PlatformError
from settings import media_url

RUNBOOK = "docs/monitoring.md#"
OF_CAPACITY = {
    "queue-waiting": "QueueWaiting",
    "deletions-refused": "DeletionsRefused",
    "parts": "PartsMany",
    "disk-used": "DiskFilling",
}
"""Finding of `status --capacity` to the alert that says the same; its forecasts can wait until somebody asks."""
HOUR, DAY = 3600, 86400
TLS_SECONDS = 5


@dataclass(frozen=True, order=True)
class Alert:
    """Something that calls for a person."""

    name: str
    """As the alert of Prometheus is called."""
    of: str
    """What it is about: a service, a queue, a store."""
    seen: str = field(compare=False)
    fix: str = field(compare=False)

    @property
    def runbook(self) -> str:
        """Section that says what it means."""
        return RUNBOOK + self.name.lower()


@dataclass(frozen=True)
class Sample:
    """One number for Prometheus."""

    metric: str
    value: float
    label: str = ""
    of: str = ""


@dataclass(frozen=True)
class Look:
    """What one look saw."""

    alerts: Sequence[Alert]
    unseen: Sequence[str]
    """What could not be looked at, and why; free of secrets."""
    samples: Sequence[Sample]


def look(session: Session) -> Look:
    """Look at a stack.

    Raises:
        OpsError: it was never put up.
    """
    allowed = limits(session.settings.monitoring.limits)
    if not session.exists():
        raise OpsError(f"there is no stack {session.stack}: `make up` makes one")
    state = read_state(session, show_secrets=True)
    alerts: list[Alert] = []
    samples: list[Sample] = []
    unseen: list[str] = []
    parts = (
        partial(_services, session),
        partial(_capacity, session, allowed, unseen),
        partial(_backup, session, state, allowed),
        partial(_secrets, session, state, allowed),
        partial(_certificates, session, allowed),
    )
    for part in parts:
        try:
            for entry in part():
                if isinstance(entry, Sample):
                    samples.append(entry)
                else:
                    alerts.append(entry)
        except (OpsError, PlatformError, CheckFailedError) as error:
            unseen.append(str(error))
    return Look(sorted(alerts), unseen, samples)


Entries = Iterator[Alert | Sample]


def _services(session: Session) -> Entries:
    found = runtime_of(session).services()
    if not found:
        yield Alert("ServiceUnreachable", "stack", "nothing of it is there", "`make up`")
    for service, entry in found.items():
        if not entry.works:
            fix = f"`python -m ops start {service}`; then `make doctor`"
            yield Alert("ServiceUnreachable", service, entry.condition, fix)


def _capacity(session: Session, allowed: Limits, unseen: list[str]) -> Entries:
    with access(session) as to:
        found = measure(to)
        findings = judge(found, Advice(to.platform), allowed)
    unseen += found.unseen
    for finding in findings:
        if name := OF_CAPACITY.get(finding.id):
            yield Alert(name, finding.seen.partition(":")[0], finding.seen, finding.change)
    for queue in seen(found.queues):
        if queue.name not in DELETION_QUEUES and queue.failed > allowed.failed_jobs:
            yield Alert(
                "JobsFailed", queue.name, f"{queue.failed} jobs failed for good", "`make doctor` names the reason"
            )
        yield Sample("langfuse_queue_oldest_seconds", queue.oldest_seconds or 0, "queue", queue.name)


def _backup(session: Session, state: State, allowed: Limits) -> Entries:
    with backups(session, state) as store:
        latest = newest(store)
    finished = latest.finished.timestamp() if latest else _born(state)
    if finished is None:
        return
    yield Sample("langfuse_backup_timestamp_seconds", finished)
    hours = (time.time() - finished) / HOUR
    if hours > allowed.backup_age_hours:
        what = f"the newest is {hours:.0f} hours old" if latest else f"none was made in {hours:.0f} hours"
        fix = "`make backup`; `python -m ops backup --schedule systemd` has the files for one every night"
        yield Alert("BackupOld", "backup", what, fix)


def _born(state: State) -> float | None:
    """When the stack was made: until its first backup is due, that it has none is no finding."""
    made = state.resource("stack-id").get("created")
    return datetime.fromisoformat(str(made)).timestamp() if made else None


def _secrets(session: Session, state: State, allowed: Limits) -> Entries:
    for age in ages(session, state):
        if age.since is None or age.days is None:
            continue
        yield Sample(
            "langfuse_secret_timestamp_seconds", datetime.fromisoformat(age.since).timestamp(), "secret", age.secret
        )
        if age.days > allowed.secret_age_days:
            yield Alert("SecretOld", age.secret, f"{age.days} days old", f"`python -m ops rotate {age.secret}`")


def _certificates(session: Session, allowed: Limits) -> Entries:
    settings = session.settings
    for url in filter(None, (settings.langfuse_url, media_url(settings), settings.gateway_url)):
        address = urlsplit(url)
        if address.scheme != "https" or not address.hostname:
            continue
        left = _days_left(address.hostname, address.port or 443)
        fix = f"renew the certificate of {address.hostname}; on Fly, `fly certs check {address.hostname}`"
        if isinstance(left, str):
            yield Alert("CertificateExpiring", address.netloc, left, fix)
        elif left < allowed.certificate_days:
            yield Alert("CertificateExpiring", address.netloc, f"ends in {left:.0f} days", fix)


def _days_left(host: str, port: int) -> float | str:
    """Until a certificate ends, or why clients do not take it."""
    try:
        with (
            socket.create_connection((host, port), TLS_SECONDS) as plain,
            ssl.create_default_context().wrap_socket(plain, server_hostname=host) as secure,
        ):
            certificate = secure.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        return f"clients refuse it: {error.verify_message}"
    except OSError as error:
        raise OpsError(f"certificate of {host}:{port}: {first_line(error)}") from None
    return (ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()) / DAY

"""Addresses in a service's environment, and whether the service reaches them."""

from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

from ops.doctor.access import Access
from ops.doctor.row import Seen, fine, wrong

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 - compared with, not bound
PORTS = {"http": 80, "https": 443, "clickhouse": 9000, "postgresql": 5432, "postgres": 5432, "redis": 6379}


def parsed(url: str) -> SplitResult | None:
    """`url` taken apart, None when it cannot be."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.scheme and parts.hostname else None


def target(url: str) -> str | None:
    """`host:port` of a URL, None when it names none."""
    parts = parsed(url)
    if parts is None:
        return None
    return f"{parts.hostname}:{parts.port or PORTS.get(parts.scheme, 443)}"


def reached(access: Access, service: str, targets: Sequence[str]) -> Seen:
    """Whether `service` reaches every `host:port` from its own network."""
    answers = access.inspector.reach(service, targets)
    failed = [f"{name}: {answer}" for name, answer in answers.items() if not answer.startswith("ok")]
    return wrong(f"from {service}: {'; '.join(failed)}") if failed else fine(f"{service} reaches {', '.join(targets)}")

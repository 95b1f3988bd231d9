"""Proof that the relay is there, lets in whom it must, and keeps what it takes; and what it says of its queue."""

import re
import subprocess
from dataclasses import dataclass
from urllib.parse import urlsplit

from checks.base import LOG_SECONDS, CheckFailedError, CheckProvider, CheckResource, Evidence, Inputs
from checks.trace import OK, accepted, request
from programs import command

SEE_LOG = "see the log of the relay container"
UNAUTHORIZED = 401
STARTED, KEPT = "Starting otelcol-contrib", ("Initializing new persistent queue", "Loaded queue metadata")
"""What the collector logs at a start, and when it opens a queue that is on disk."""
_SAMPLE = re.compile(r"^otelcol_(\w+?)(?:_total)?(?:\{[^}]*\})? (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Queue:
    """What the relay says of what it holds. Counts are of the time since its start."""

    waiting: int
    """Bytes of spans that Langfuse has not taken so far."""
    capacity: int
    """Bytes from which on it refuses."""
    refused: int
    """Spans that it refused because it was full or could not write them; their senders were told."""
    dropped: int
    """Spans that Langfuse refused for good, for what is in them."""

    @property
    def percent(self) -> float:
        """How full it is."""
        return 100 * self.waiting / self.capacity


@dataclass(frozen=True)
class Relay:
    """The relay at `url`, entered with the project's keys."""

    url: str
    metrics_url: str
    public_key: str
    secret_key: str

    def takes(self) -> Queue:
        """It takes spans with the project's keys; what it holds. Raises CheckFailedError if it does not."""
        if not self.knows_keys():
            raise CheckFailedError(
                f"POST {self.url}",
                f"HTTP {UNAUTHORIZED} with the project's keys",
                "`make up` gives the relay the project's keys",
            )
        return queue(self.metrics_url)

    def knows_keys(self) -> bool:
        """Whether it takes spans that come with these keys. Raises CheckFailedError when it takes none at all."""
        status = self._status(self.secret_key)
        if status not in {OK, UNAUTHORIZED}:
            raise CheckFailedError(f"POST {self.url}", f"HTTP {status}", SEE_LOG)
        return status == OK

    def refuses_strangers(self) -> None:
        """It takes nothing without the project's keys. Raises CheckFailedError if it does."""
        for who, secret_key in (("no key", None), ("a wrong key", "sk-lf-not-the-key")):
            status = self._status(secret_key)
            if status != UNAUTHORIZED:
                raise CheckFailedError(
                    f"POST {self.url} with {who}",
                    f"HTTP {status}, expected {UNAUTHORIZED}",
                    f"stop whatever else listens at {urlsplit(self.url).netloc}, or give the relay the stack's "
                    "configuration back: `make up`",
                    final=status == OK,
                )

    def _status(self, secret_key: str | None) -> int:
        """Of an export of no spans, which the relay answers as any other and of which it keeps nothing."""
        auth = None if secret_key is None else (self.public_key, secret_key)
        headers = {"Content-Type": "application/x-protobuf"}
        return request("POST", self.url, SEE_LOG, auth=auth, headers=headers, content=b"").status_code


def queue(metrics_url: str) -> Queue:
    """Ask the relay for its queue.

    Raises:
        CheckFailedError: it does not answer, or says nothing of a queue.
    """
    text = accepted("GET", metrics_url, SEE_LOG).text
    found: dict[str, int] = {}
    for name, value in _SAMPLE.findall(text):
        found[name] = found.get(name, 0) + int(float(value))
    capacity = found.get("exporter_queue_capacity", 0)
    if not capacity:
        raise CheckFailedError(
            f"GET {metrics_url}", "no exporter_queue_capacity", f"another program answers; {SEE_LOG}"
        )
    return Queue(
        found.get("exporter_queue_size", 0),
        capacity,
        found.get("exporter_enqueue_failed_spans", 0),
        found.get("exporter_send_failed_spans", 0),
    )


class RelayProvider(CheckProvider):
    """See `RelayGate`."""

    label = "gate relay"
    libraries = ("httpx",)
    secrets = ("secret_key",)
    keys = ("url", "metrics_url", "public_key", "secret_key", "queue_bytes", "watch")

    def probe(self, inputs: Inputs) -> Evidence:
        relay = Relay(inputs["url"], inputs["metrics_url"], inputs["public_key"], inputs["secret_key"])
        relay.refuses_strangers()
        found = relay.takes()
        if found.capacity != inputs["queue_bytes"]:
            raise CheckFailedError(
                f"GET {inputs['metrics_url']}",
                f"a queue of {found.capacity} bytes, expected {inputs['queue_bytes']:.0f}",
                "another relay answers here: set relay:port and relay:metricsPort to ports of this stack's own",
                final=True,
            )
        return {"waiting_bytes": found.waiting, "capacity_bytes": found.capacity, "kept": _kept(inputs)}


class RelayGate(CheckResource, module="checks", name="Relay"):
    """The relay takes spans with the project's keys and with no others, and keeps them in a queue on its volume.

    Args:
        inputs: `url`, `metrics_url`, `public_key`, `secret_key` (secret), `queue_bytes`, `watch`, `logs`.
    """

    provider = RelayProvider


def _kept(inputs: Inputs) -> str:
    """Where the queue is, as the relay's log says since its last start; nothing else of it does.

    Raises:
        CheckFailedError: it started without a queue on disk.
    """
    log = _log(inputs.get("logs") or ())
    _, start, since = log.rpartition(STARTED)
    if not start:
        return "unknown: its start is not in the last lines of its log"
    if not any(said in since for said in KEPT):
        raise CheckFailedError(
            "log of the relay",
            "it started without a persistent queue: what it takes is gone when it stops",
            "give the relay the stack's configuration and volume back: `make up`",
        )
    return "on its volume"


def _log(argv: "tuple[str, ...] | list[str]") -> str:
    if not argv:
        return ""
    try:
        ran = subprocess.run(
            command(argv), stdin=subprocess.DEVNULL, capture_output=True, timeout=LOG_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (ran.stdout + ran.stderr).decode(errors="replace")

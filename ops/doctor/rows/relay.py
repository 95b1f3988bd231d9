"""Rows about the relay: whether it takes traces, and what becomes of them."""

import httpx

from checks.relay import Queue, Relay, queue
from checks.trace import OK, OTLP_PATH
from ops.doctor.access import Access
from ops.doctor.looks import environment
from ops.doctor.row import NotApplicableError, Part, Row, Seen, fine, wrong


def _keys(access: Access) -> Seen:
    env = environment(access.inspector, "gateway")
    keys = env.get("LANGFUSE_PUBLIC_KEY", ""), env.get("LANGFUSE_SECRET_KEY", "")
    if httpx.get(f"{access.web_url}/api/public/projects", auth=keys, timeout=4, trust_env=False).status_code != OK:
        raise NotApplicableError("Langfuse does not take the gateway's keys either: see gateway-keys")
    if Relay(f"{access.relay_url}{OTLP_PATH}", "", *keys).knows_keys():
        return fine("the relay takes the gateway's keys")
    return wrong("the relay answers the gateway's keys with HTTP 401")


def _queue(access: Access) -> Seen:
    held = _held(access)
    if held.percent > access.limits.relay_percent:
        return wrong(f"{held.percent:.0f} % of {held.capacity} bytes wait for Langfuse")
    return fine(f"{held.waiting} of {held.capacity} bytes wait for Langfuse")


def _refused(access: Access) -> Seen:
    held = _held(access)
    return wrong(f"{held.refused} spans since its start") if held.refused else fine("no span was refused")


def _dropped(access: Access) -> Seen:
    held = _held(access)
    return wrong(f"{held.dropped} spans since its start") if held.dropped else fine("Langfuse took all it was given")


def _held(access: Access) -> Queue:
    return queue(f"{access.relay_metrics_url}/metrics")


ROWS = (
    Row(
        id="relay-keys",
        part=Part.RELAY,
        symptom="Failed to export spans batch code: 401, and Langfuse takes the keys",
        cause="the relay has other keys than whoever sends to it; it serves one project",
        detected="POST of no spans with the gateway's keys",
        fix="{up relay}. LiteLLM teams with a project of their own: `pulumi config set gateway:relayed false`",
        probe=_keys,
    ),
    Row(
        id="relay-queue",
        part=Part.RELAY,
        symptom="traces appear late or not at all, and calls are answered",
        cause="Langfuse does not take what the relay has: web or one of its stores is away, or web does not know the "
        "project's keys. Nothing is lost until the queue is full",
        detected="otelcol_exporter_queue_size against its capacity, trouble above half",
        fix="mend what keeps web from it: {explain relay}; the relay then hands on by itself. For longer absences "
        "`pulumi config set relay:queueMb <more>`, then `make up`",
        probe=_queue,
    ),
    Row(
        id="relay-refused",
        part=Part.RELAY,
        symptom="senders are answered 503 sending queue is full; Failed to export spans batch code: 503",
        cause="the relay's queue was full, or its volume: it takes nothing that it cannot keep, and says so",
        detected="otelcol_exporter_enqueue_failed_spans since its start",
        fix="mend what keeps web from it: {explain relay}; then `pulumi config set relay:queueMb <more>`, `make up`",
        probe=_refused,
    ),
    Row(
        id="relay-dropped",
        part=Part.RELAY,
        symptom="Exporting failed. Dropping data",
        cause="Langfuse refused spans for what is in them (HTTP 400), as those of logs sent as traces; they are gone",
        detected="otelcol_exporter_send_failed_spans since its start",
        fix="mend the sender: {log relay} has Langfuse's reason. {restart relay} starts the count again",
        probe=_dropped,
    ),
)

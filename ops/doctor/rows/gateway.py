"""Rows about the LiteLLM gateway: where it sends traces, and what it must not know."""

from urllib.parse import urlsplit

import httpx

from ops.doctor.access import Access
from ops.doctor.looks import environment
from ops.doctor.row import Part, Row, Seen, fine, wrong

OK = 200
HOSTS = ("LANGFUSE_HOST", "LANGFUSE_OTEL_HOST")


def _cloud(access: Access) -> Seen:
    env = environment(access.inspector, "gateway")
    for name in HOSTS:
        value = env.get(name, "")
        if not value:
            return wrong(f"{name} of the gateway is unset: prompts may go to us.cloud.langfuse.com")
        host = urlsplit(value).hostname or ""
        if host == "langfuse.com" or host.endswith(".langfuse.com"):
            return wrong(f"{name} of the gateway is {value}: prompts go to Langfuse's cloud")
    return fine(f"traces go to {env[HOSTS[0]]}")


def _keys(access: Access) -> Seen:
    env = environment(access.inspector, "gateway")
    keys = (env.get("LANGFUSE_PUBLIC_KEY", ""), env.get("LANGFUSE_SECRET_KEY", ""))
    status = httpx.get(f"{access.web_url}/api/public/projects", auth=keys, timeout=4, trust_env=False).status_code
    if status == OK:
        return fine("Langfuse takes the gateway's keys")
    if status < httpx.codes.INTERNAL_SERVER_ERROR:
        return wrong(f"Langfuse answers the gateway's keys with HTTP {status}")
    raise httpx.HTTPError(f"GET /api/public/projects: HTTP {status}")


def _database(access: Access) -> Seen:
    found = {"DATABASE_URL", "DIRECT_URL"} & environment(access.inspector, "gateway").keys()
    if found:
        return wrong(f"the gateway has {', '.join(sorted(found))}")
    return fine("the gateway knows no database")


def _answers(access: Access) -> Seen:
    answer = httpx.get(f"{access.gateway_url}/health/liveliness", timeout=4, trust_env=False)
    if answer.status_code != OK:
        return wrong(f"GET /health/liveliness: HTTP {answer.status_code}")
    return fine("alive")


ROWS = (
    Row(
        id="gateway-cloud",
        part=Part.GATEWAY,
        symptom="no traces here, and prompts leave the house: us.cloud.langfuse.com in the log",
        cause="LANGFUSE_HOST or LANGFUSE_OTEL_HOST is unset, and LiteLLM falls back to Langfuse's cloud",
        detected="both variables of the gateway",
        fix="set both: {up gateway}. Then change the provider keys that prompts may have shown",
        probe=_cloud,
    ),
    Row(
        id="gateway-keys",
        part=Part.GATEWAY,
        symptom="Failed to export spans batch code: 401; calls are answered, no traces",
        cause="Langfuse does not know the gateway's keys",
        detected="GET /api/public/projects with the gateway's keys",
        fix="give the gateway the project's keys: {up gateway}. A refused key is remembered for 300 s",
        probe=_keys,
    ),
    Row(
        id="gateway-callback",
        part=Part.GATEWAY,
        symptom="module 'langfuse' has no attribute 'version'",
        cause="LiteLLM's older callback with a newer Langfuse SDK",
        detected="in the gateway's log of the last 15 minutes",
        fix="`pulumi config set gateway:callback langfuse_otel`, then `make up`",
    ),
    Row(
        id="gateway-export",
        part=Part.GATEWAY,
        symptom="Failed to export spans batch due to timeout, max retries or shutdown",
        cause="the relay was away, or full, for longer than the gateway waits; those traces are lost",
        detected="in the gateway's log of the last 15 minutes",
        fix="`make smoke` shows whether traces arrive again",
    ),
    Row(
        id="gateway-database",
        part=Part.GATEWAY,
        symptom="LiteLLM's tables in Langfuse's schema; The migration … was modified after it was applied",
        cause="the gateway reads DATABASE_URL too, and migrates whatever it names",
        detected="DATABASE_URL and DIRECT_URL of the gateway",
        fix="take the variable out of `gateway:providerKeys`, then `make up`",
        probe=_database,
    ),
    Row(
        id="gateway-alive",
        part=Part.GATEWAY,
        symptom="applications get no answer, or 503 shutting_down",
        cause="the gateway is down or on its way down",
        detected="GET /health/liveliness",
        fix="`make up`; its log explains itself: {explain gateway}",
        probe=_answers,
    ),
)

"""Proof over HTTP that Langfuse and the gateway work: health, versions, ledgers, keys, and traces that come back."""

import fnmatch
from collections.abc import Sequence
from typing import Any

from checks.base import CheckFailedError, CheckProvider, CheckResource, Evidence, Inputs, retry_sequence, until_healthy
from checks.clickhouse import ledger
from checks.clickhouse_login import Login
from checks.supabase import applied_migrations
from checks.trace import OK, SEE_WEB_LOG, Gateway, PublicApi, answered, new_user_id, request
from checks.validation import reachable_gateway, validated


class WebProvider(CheckProvider):
    """See `WebGate`."""

    label = "gate langfuse-web"
    libraries = ("httpx", "clickhouse_connect", "psycopg")
    secrets = ("secret_key", "direct_url", "password")
    keys = ("url", "version", "ledgers", "watch")

    def probe(self, inputs: Inputs) -> Evidence:
        url = inputs["url"]
        health = _healthy(f"{url}/api/public/health?failIfDatabaseUnavailable=true", "OK", SEE_WEB_LOG)
        _healthy(f"{url}/api/public/ready", "OK", SEE_WEB_LOG)
        version = str(health.get("version", ""))
        if version.partition("-")[0] != inputs["version"]:
            raise CheckFailedError(
                f"GET {url}/api/public/health",
                f"version {version or 'absent'}",
                f"expected {inputs['version']}: another Langfuse answers here, or the image holds another version",
                final=True,
            )
        PublicApi(url, inputs["public_key"], inputs["secret_key"], "").keys_accepted()
        return {"version": version, "ledgers": _ledgers(inputs)}


class WebGate(CheckResource, module="checks", name="LangfuseWeb"):
    """Web is healthy with its database, has the right version, takes the project's keys, and migrated all it ships.

    Args:
        inputs: `url`, `version`, `public_key`, `secret_key` (secret), `ledgers` (what the image ships, by store),
            `direct_url` (secret), `schema`, `http_address`, `user`, `password` (secret), `database`, `watch`.
    """

    provider = WebProvider


class WorkerProvider(CheckProvider):
    """See `WorkerGate`."""

    label = "gate langfuse-worker"
    libraries = ("httpx",)
    keys = ("url", "watch")

    def probe(self, inputs: Inputs) -> Evidence:
        url, fix = inputs["url"], "see the log of the langfuse-worker container"
        _healthy(f"{url}/api/health", "ok", fix)
        _healthy(f"{url}/api/ready", "ok", fix)
        if request("GET", f"{url}/api/public/health", fix).status_code == OK:
            raise CheckFailedError(
                f"GET {url}/api/public/health",
                "answered, as only web does",
                "set langfuse:workerImage to Langfuse's worker image: web and worker are two images",
                final=True,
            )
        return {"url": url}


class WorkerGate(CheckResource, module="checks", name="LangfuseWorker"):
    """The worker reaches Postgres and Redis, and is not the web image by mistake.

    Args:
        inputs: `url`, `watch`.
    """

    provider = WorkerProvider


class TraceProvider(CheckProvider):
    """See `TraceGate`."""

    label = "gate langfuse-trace"
    libraries = ("httpx",)
    secrets = ("secret_key",)
    keys = ("url", "public_key", "secret_key", "find_path", "watch")

    def prove(self, inputs: Inputs, deadline_seconds: float) -> Evidence:
        api, user_id = _api(inputs), new_user_id()
        trace_id = retry_sequence(
            lambda: api.send_trace(user_id), lambda: api.find_trace(user_id), deadline_seconds=deadline_seconds
        )
        return {"trace_id": trace_id}


class TraceGate(CheckResource, module="checks", name="LangfuseTrace"):
    """A trace sent to Langfuse can be read back through its public API.

    Args:
        inputs: `url`, `public_key`, `secret_key` (secret), `find_path`, `watch`.
    """

    provider = TraceProvider


class GatewayProvider(CheckProvider):
    """See `GatewayGate`."""

    label = "gate gateway"
    libraries = ("httpx",)
    secrets = ("master_key",)
    keys = ("url", "master_key", "models", "database", "watch")

    def probe(self, inputs: Inputs) -> Evidence:
        gateway = Gateway(inputs["url"], inputs["master_key"])
        gateway.ready()
        if inputs.get("database"):
            gateway.has_database()
        gateway.refuses_strangers()
        served = gateway.models()
        missing = [name for name in inputs["models"] if name not in served and not _covered(name, served)]
        if missing:
            raise CheckFailedError(
                f"GET {inputs['url']}/v1/models",
                f"not served: {', '.join(missing)}",
                "see the gateway's log for why it left these entries of gateway:models out",
                final=True,
            )
        return {"models": served}


def _covered(pattern: str, served: Sequence[str]) -> bool:
    """Whether a model of a wildcard's provider is served."""
    return "*" in pattern and bool(fnmatch.filter(served, pattern))


class GatewayGate(CheckResource, module="checks", name="Gateway"):
    """The gateway is ready, wants its master key, and serves every configured model.

    Args:
        inputs: `url`, `master_key` (secret), `models` (names, or patterns such as `openai/*`), `watch`,
            `database` (true where it has one).
    """

    provider = GatewayProvider


class ProofProvider(CheckProvider):
    """See `EndToEndProof`."""

    label = "end-to-end proof"
    libraries = ("httpx", "clickhouse_connect")
    secrets = ("master_key", "secret_key", "password")
    keys = (
        *("gateway_url", "public_gateway_url", "master_key", "url", "public_key", "secret_key", "find_path"),
        *("tracing", "watch"),
    )

    def prove(self, inputs: Inputs, deadline_seconds: float) -> Evidence:
        gateway, user_id = Gateway(inputs["gateway_url"], inputs["master_key"]), new_user_id()
        if "public_gateway_url" in inputs:
            until_healthy(lambda: reachable_gateway(inputs["public_gateway_url"]), deadline_seconds=deadline_seconds)
        if not inputs["tracing"]:  # Langfuse may be down: that is why it was switched off
            answer = until_healthy(lambda: gateway.call_smoke(user_id), deadline_seconds=deadline_seconds)
            return {"tracing": False, "answer": answer}
        api = _api(inputs)
        people = until_healthy(lambda: validated(inputs), deadline_seconds=deadline_seconds)
        trace_id = retry_sequence(
            lambda: gateway.call_smoke(user_id), lambda: api.find_trace(user_id), deadline_seconds=deadline_seconds
        )
        return {"trace_id": trace_id, **people}


class EndToEndProof(CheckResource, module="checks", name="EndToEnd"):
    """A call to the gateway's smoke model becomes a trace that Langfuse gives back; UI and stores are there for people.

    Nothing is written but that trace.

    Args:
        inputs: `gateway_url`, `public_gateway_url` (only where there is one), `master_key` (secret), `url`,
            `public_key`, `secret_key` (secret), `find_path`,
            `tracing` (false: an answer of the gateway is proof enough), `watch`; `ui_url`, `store_url`, and
            ClickHouse's `http_address`, `user`, `password` (secret), `database`.
    """

    provider = ProofProvider


def _api(inputs: Inputs) -> PublicApi:
    return PublicApi(inputs["url"], inputs["public_key"], inputs["secret_key"], inputs["find_path"])


def _healthy(url: str, expected: str, fix: str) -> dict[str, Any]:
    body = answered("GET", url, fix)
    if body.get("status") != expected:
        raise CheckFailedError(f"GET {url}", f"status {body.get('status')!r}", fix)
    return body


def _ledgers(inputs: Inputs) -> dict[str, int]:
    """What the live ledgers say, after proving that they are what the image ships.

    Raises:
        CheckFailedError: a ledger is behind or ahead of the image, dirty or unreadable.
    """
    shipped = inputs["ledgers"]
    unknown = sorted({"clickhouse", "postgres"} - set(shipped))
    if unknown:
        raise CheckFailedError(
            "migrations that the web image ships",
            f"unknown for {', '.join(unknown)}",
            "run `python -m ops images --refresh`, or set langfuse:webImage to an image of Langfuse's own layout",
            final=True,
        )
    login = Login(inputs["http_address"], inputs["user"], inputs["password"], inputs["database"])
    client = login.connect()
    try:
        live = {"clickhouse": ledger(client, login)}
    finally:
        client.close()
    live["postgres"] = applied_migrations(inputs["direct_url"], inputs["schema"])
    wrong = [
        f"{store} {live[store]}, shipped {int(shipped[store])}" for store in live if live[store] != int(shipped[store])
    ]
    if wrong:
        raise CheckFailedError(
            "migration ledgers against what the web image ships",
            "; ".join(wrong),
            "behind: see web's log for the migration that failed; ahead: the image is older than the data, "
            "set langfuse:version to the newer one",
            final=True,
        )
    return live

"""Rows on request: whether each model of the gateway answers. Each of them costs a call to its provider."""

from functools import partial
from typing import Any

import httpx

from checks.base import without_secrets
from ops.doctor.access import Access
from ops.doctor.looks import environment
from ops.doctor.row import Part, Probe, Row, Seen, fine, wrong

SECONDS = 60
"""What a model is given to answer."""
MAX_CHARACTERS = 300
MIN_SECRET = 8


def rows(access: Access) -> tuple[Row, ...]:
    """A row for each model that the gateway serves; a single one where it does not say which."""
    try:
        entries = _ask(access, "/v1/model/info")["data"]
        names = dict.fromkeys(str(entry["model_name"]) for entry in entries)
    except Exception:  # noqa: BLE001 - the row asks again, and the doctor puts what it meets into words
        return (_row("models", lambda access: fine(str(_ask(access, "/v1/model/info")))),)
    return tuple(_row(f"model {name}", partial(_answers, name=name)) for name in names)


def _row(name: str, probe: Probe) -> Row:
    return Row(
        id=name,
        part=Part.GATEWAY,
        symptom="calls of one model fail, and those of others do not",
        cause="its provider is away, refuses the key, or has no such deployment",
        detected="LiteLLM calls the model",
        fix="correct it in `gateway:models` or `gateway:config`, or its key in `gateway:providerKeys`, then `make up`",
        probe=probe,
    )


def _answers(access: Access, name: str) -> Seen:
    found = _ask(access, "/health", model=name)
    failed, good = found["unhealthy_endpoints"], len(found["healthy_endpoints"])
    if not failed:
        return fine(f"{good} of {good} deployments answer")
    reason = (str(failed[0].get("error") or "").strip() or "no reason given").splitlines()[0]
    secrets = [value for value in environment(access.inspector, "gateway").values() if len(value) >= MIN_SECRET]
    return wrong(
        f"{len(failed)} of {good + len(failed)} deployments fail: {without_secrets(reason, secrets)[:MAX_CHARACTERS]}"
    )


def _ask(access: Access, path: str, **query: str) -> Any:
    """What the gateway answers its administrator; 503 is an answer too, of a model that fails."""
    key = environment(access.inspector, "gateway").get("LITELLM_MASTER_KEY", "")
    answer = httpx.get(
        f"{access.gateway_url}{path}",
        params=query,
        headers={"Authorization": f"Bearer {key}"},
        timeout=SECONDS,
        trust_env=False,
    )
    if answer.status_code not in {httpx.codes.OK, httpx.codes.SERVICE_UNAVAILABLE}:
        raise httpx.HTTPError(f"GET {path}: HTTP {answer.status_code}")
    return answer.json()

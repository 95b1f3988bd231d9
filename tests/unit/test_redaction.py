"""Secrets are taken out in every spelling, and what is none stays readable."""

import base64
import json
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence import SHORTEST_SECRET, redact
from ops.redaction import SECRET_MARK, Redactor, of_settings, of_state
from ops.session import Session
from ops.state import State
from settings.recorded import NOTHING

CANARY = "Canary/+ä=&\"secret' %1"
SECRETS = st.text(min_size=SHORTEST_SECRET, max_size=40).filter(lambda text: "…" not in text)


def hidden(value: object) -> dict[str, str]:
    return {SECRET_MARK: "1b47061264138c4ac30d75fd1eb44270", "plaintext": json.dumps(value)}


@pytest.mark.parametrize(
    "spelt",
    [
        CANARY,
        quote(CANARY, safe=""),
        quote_plus(CANARY),
        json.dumps(CANARY),
        json.dumps(CANARY, ensure_ascii=False),
        base64.b64encode(CANARY.encode()).decode(),
        base64.b64encode(f"user:{CANARY}".encode()).decode(),
        base64.b64encode(f"a:{CANARY}\n".encode()).decode(),
        base64.urlsafe_b64encode(f"ab:{CANARY}".encode()).decode(),
    ],
)
def test_a_secret_is_found_in_every_spelling(spelt: str) -> None:
    shown = redact(f"before {spelt} after", [CANARY])
    assert "…" in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")
    assert len(shown) < len("before  after") + 16
    assert CANARY not in shown


def test_the_secrets_of_a_request_to_fly_are_known_one_by_one() -> None:
    values = {"GEMINI_API_KEY": "canary-9", "REDIS_URL": "redis://:canary-8@h:6379"}
    request = json.dumps({"app": "gateway", "hmac_key": "canary-key", "values": values})
    state = State({"deployment": {"resources": [{"inputs": {"stdin": hidden(request)}}]}})
    assert of_state(state) == {"canary-9", "canary-8", "canary-key"}


@given(secret=SECRETS, before=st.binary(max_size=5), after=st.binary(max_size=5))
def test_no_neighbour_hides_a_secret_in_base64(secret: str, before: bytes, after: bytes) -> None:
    whole = base64.b64encode(before + secret.encode() + after).decode()
    assert len(redact(whole, [secret])) <= len(whole) - len(secret.encode()) + 6


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://langfuse:canary-1@db:5432/x", "postgresql://langfuse:…@db:5432/x"),
        ("Authorization: Bearer canary-token-1", "Authorization: Bearer …"),
        ('{"password": "canary-1"}', '{"password": "…"}'),
        ("CLICKHOUSE_PASSWORD=canary-1 CLICKHOUSE_USER=langfuse", "CLICKHOUSE_PASSWORD=… CLICKHOUSE_USER=langfuse"),
        ("key sk-lf-0123456789ab", "key sk-lf-…"),
        ("http://langfuse-web:3000 is up", "http://langfuse-web:3000 is up"),
        ("Ready for connections", "Ready for connections"),
    ],
)
def test_what_looks_like_a_secret_is_taken_out_even_when_it_is_not_known(text: str, shown: str) -> None:
    assert Redactor(())(text) == shown


def test_the_secrets_of_a_state_are_its_hidden_values_that_stand_nowhere_in_plain() -> None:
    resource = {
        "urn": "a::web",
        "inputs": {
            "envs": hidden(["NEXTAUTH_SECRET=canary-1", "CLICKHOUSE_USER=langfuse", "TZ=UTC"]),
            "url": hidden("postgresql://role:canary%402@db/x?schema=langfuse"),
            "user": "langfuse",
        },
        "outputs": {"result": hidden({"key": ["canary-3"]})},
    }
    assert of_state(State({"deployment": {"resources": [resource]}})) == {
        "canary-1",
        "canary%402",
        "canary@2",
        "canary-3",
    }


def test_keys_that_were_set_in_plain_are_secret_all_the_same(tmp_path: Path) -> None:
    config = tmp_path / "settings.yaml"
    keys, variables = "gateway:providerKeys: {OPENAI_API_KEY: canary-4}", "langfuse:extraEnv: {A: canary-5}"
    config.write_text(f"config:\n  {keys}\n  {variables}\n")
    assert of_settings(Session("local", {}, config, known=NOTHING)) == {"canary-4", "canary-5"}

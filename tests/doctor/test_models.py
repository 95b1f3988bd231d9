"""`doctor --models`: a row for each model of the gateway, asked for by a call and only on request."""

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner

from ops.commands import cli
from ops.doctor import command
from ops.doctor.access import Access, from_settings
from ops.doctor.examine import examine
from ops.doctor.rows.models import rows
from platforms.spec import Instance
from settings import load
from tests.checks.local_server import Answer, Request, Routes, serving
from tests.doctor.test_examine import Nothing

KEY = "sk-canary-provider-key"
ENV = {"LITELLM_MASTER_KEY": "sk-master-canary", "OPENAI_API_KEY": KEY}
MODELS = {"data": [{"model_name": name} for name in ("good", "bad", "[x]/*", "good")]}


class Gateway(Nothing):
    """Looks at a gateway that was given `ENV`."""

    def instances(self) -> Mapping[str, Sequence[Instance]]:
        return {"gateway": [Instance("gateway", "gateway", "running", "healthy", "image", ENV)]}


def health(request: Request) -> Answer:
    assert request.headers["Authorization"] == f"Bearer {ENV['LITELLM_MASTER_KEY']}"
    [name] = parse_qs(urlsplit(request.path).query)["model"]
    if name != "bad":
        return Answer(body={"healthy_endpoints": [{}, {}], "unhealthy_endpoints": []})
    error = f"AuthenticationError: wrong key {KEY}\nstack trace"
    return Answer(503, {"healthy_endpoints": [{}], "unhealthy_endpoints": [{"error": error}]})


ROUTES: Routes = {"/v1/model/info": Answer(body=MODELS), "/health": health}


def access(url: str) -> Access:
    return replace(from_settings(load({}), lambda _: "canary", Gateway()), gateway_url=url)


def test_each_model_is_called_once_and_its_error_is_shown_without_keys() -> None:
    with serving(ROUTES) as url:
        there = access(url)
        found = {result.row.id: result for result in examine(rows(there), there)}
    assert {name: result.verdict for name, result in found.items()} == {
        "model good": "healthy",
        "model bad": "finding",
        "model [x]/*": "healthy",
    }
    assert found["model good"].evidence == "2 of 2 deployments answer"
    assert found["model bad"].evidence == "1 of 2 deployments fail: AuthenticationError: wrong key …"


def test_a_gateway_that_does_not_answer_is_one_row_that_was_not_seen() -> None:
    there = access("http://127.0.0.1:1")
    [result] = examine(rows(there), there)
    assert (result.row.id, result.verdict) == ("models", "not seen")


@pytest.mark.parametrize(("options", "code"), [([], 0), (["--models"], 1)])
def test_the_command_calls_models_on_request_only(
    options: list[str], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def counted(request: Request) -> Answer:
        calls.append(request.path)
        return health(request)

    monkeypatch.setattr(command, "ROWS", ())
    monkeypatch.setattr(command, "open_session", lambda *_: None)
    with serving({**ROUTES, "/health": counted}) as url:
        monkeypatch.setattr(command, "of_session", lambda _: nullcontext(access(url)))
        shown = CliRunner().invoke(cli, ["doctor", *options])
        as_json = CliRunner().invoke(cli, ["doctor", "--json", *options])
    assert (shown.exit_code, as_json.exit_code) == (code, code)
    named = [row["id"] for row in json.loads(as_json.stdout)["rows"]]
    assert named == ["model good", "model bad", "model [x]/*"] * bool(options)
    assert len(calls) == (6 if options else 0)
    assert all(name in shown.stdout for name in named)
    assert KEY not in shown.stdout + as_json.stdout


def test_a_key_of_any_name_is_masked_and_what_the_settings_show_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"VERTEX_CREDENTIALS": KEY, "ODD_NAME": KEY, "AWS_REGION": "eu-west-1", "LANGFUSE_HOST": "http://web:3000"}
    monkeypatch.setattr("tests.doctor.test_models.ENV", {**ENV, **given})
    settings = load({"gateway:env": '{"AWS_REGION": "eu-west-1"}'})
    there = from_settings(settings, lambda _: "canary", Gateway())
    monkeypatch.setattr(command, "ROWS", ())
    monkeypatch.setattr(command, "open_session", lambda *_: None)
    monkeypatch.setattr(command, "of_session", lambda _: nullcontext(there))
    shown = json.loads(CliRunner().invoke(cli, ["doctor", "--json"]).stdout)["environment"]["gateway"]
    assert shown["AWS_REGION"] == "eu-west-1"
    assert shown["LANGFUSE_HOST"] == "http://web:3000"
    assert "canary" not in json.dumps(shown)

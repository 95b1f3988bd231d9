"""Configurations that people bring for the gateway, run by the pinned LiteLLM and traced into the stack."""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from checks.base import until_healthy
from checks.trace import PublicApi
from components.releases import RELEASES
from tests.checks.local_server import Answer, Routes, serving
from tests.checks.tls import authority, serving_tls
from tests.e2e.reverse_proxy import caddy
from tests.e2e.stack import ROOT, TestStack, free_ports, new_stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

SHAPES = ROOT / "tests" / "e2e" / "litellm"
CANARY = f"sk-canary-{secrets.token_hex(12)}"
SECRET_KEYS = ("OPENAI_API_KEY", "AZURE_API_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "VERTEX_CREDENTIALS")
PLAIN = {"AWS_REGION": "eu-west-1", "VERTEXAI_PROJECT": "example"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestStack]:
    """A running stack whose providers' keys were set by plain `pulumi config set --secret --path`."""
    stack = new_stack(tmp_path_factory.mktemp("gateway"), {"gateway:env": PLAIN})
    try:
        up = stack.ops("up")
        assert up.code == 0, up.output
        for name in SECRET_KEYS:
            target = ("--path", f"gateway:providerKeys.{name}", CANARY)
            place = ("--stack", "test", "--config-file", str(stack.config_file))
            run = stack.shell("pulumi", "config", "set", "--secret", *target, *place)
            assert run.code == 0, run.output
        yield stack
    finally:
        stack.remove()


def configure(stack: TestStack, **settings: Any) -> None:
    """Change settings, and keep what plain pulumi wrote into the file."""
    document = yaml.safe_load(stack.config_file.read_text())
    document["config"] |= {key.replace("__", ":"): value for key, value in settings.items()}
    stack.config_file.write_text(yaml.safe_dump(document))


def test_a_secret_inside_a_setting_works_in_plain_pulumi_and_in_every_command(stack: TestStack, tmp_path: Path) -> None:
    text = stack.config_file.read_text()
    assert "secure:" in text
    assert CANARY not in text
    up = stack.ops("up")
    assert up.code == 0, up.output
    ran = {"up": up}
    for command in ("preview", "status", "smoke", "evidence", "inventory", "rotate", "upgrade"):
        ran[command] = stack.ops(command)
    ran["env"] = stack.ops("env", "--file", str(tmp_path / "app.env"))
    copy = tmp_path / "settings.yaml"
    copy.write_text(text)
    ran["plain"] = stack.shell(
        "pulumi", "preview", "--expect-no-changes", "--config-file", str(copy), "--stack", "test"
    )
    assert {name: run.code for name, run in ran.items()} == dict.fromkeys(ran, 0), ran
    ran["doctor"] = stack.ops("doctor", "--json")
    found = {row["id"] for row in ran["doctor"].json["rows"] if row["verdict"] == "finding"}
    assert found <= {"clickhouse-disk"}  # the machine's own disk may be full
    assert not [name for name, run in ran.items() if CANARY in run.output]
    keys = stack.docker("exec", stack.container("gateway"), "printenv", *SECRET_KEYS).split()
    assert keys == [CANARY] * len(SECRET_KEYS)


def post(stack: TestStack, model: str, **body: Any) -> tuple[httpx.Response, str]:
    outputs, user = stack.outputs(), f"user-{secrets.token_hex(6)}"
    answer = httpx.post(
        f"http://127.0.0.1:{stack.config['gateway:port']}/v1/chat/completions",
        headers={"Authorization": f"Bearer {outputs['gateway_master_key']}"},
        json={
            "model": model,
            "messages": [{"role": "user", "content": f"ping from {user}"}],
            "metadata": {"trace_user_id": user},
            "user": user,
            **body,
        },
        timeout=60,
    )
    return answer, user


def traced(stack: TestStack, user: str) -> str:
    outputs = stack.outputs()
    host = f"http://127.0.0.1:{stack.config['langfuse:webPort']}"
    keys = (outputs["langfuse_public_key"], outputs["langfuse_secret_key"])
    api = PublicApi(host, *keys, RELEASES["3"].find_path)
    return until_healthy(lambda: api.find_trace(user), deadline_seconds=60)


CALLS: dict[str, list[tuple[str, dict[str, Any], str]]] = {
    "azure.yaml": [
        ("gpt", {}, "from azure"),
        ("gpt", {"mock_testing_fallbacks": True}, "from the spare"),
        ("spare", {}, "from the spare"),
        ("smoke", {}, "pong"),
    ],
    "bedrock_vertex.yaml": [
        ("claude", {}, "from bedrock"),
        ("sonnet", {}, "from bedrock"),
        ("gemini", {}, "from vertex"),
    ],
    "wildcard.yaml": [
        ("openai/gpt-4o-mini", {}, "from any of openai"),
        ("bedrock/anthropic.claude-3-haiku-20240307-v1:0", {}, "from any of bedrock"),
        ("gpt-4o", {}, "from anything"),
    ],
}


@pytest.mark.parametrize("shape", CALLS)
def test_a_real_world_configuration_is_served_and_every_call_is_traced(stack: TestStack, shape: str) -> None:
    configure(stack, gateway__config=str(SHAPES / shape))
    up = stack.ops("up")
    assert up.code == 0, up.output
    users = []
    for model, body, expected in CALLS[shape]:
        answer, user = post(stack, model, **body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["choices"][0]["message"]["content"] == expected
        users.append(user)
    assert all(traced(stack, user) for user in users)


@pytest.mark.soak
def test_a_providers_budget_of_an_own_configuration_is_kept(stack: TestStack) -> None:
    configure(stack, gateway__config=str(SHAPES / "wildcard.yaml"))
    assert stack.ops("up").code == 0
    found = httpx.get(
        f"http://127.0.0.1:{stack.config['gateway:port']}/provider/budgets",
        headers={"Authorization": f"Bearer {stack.outputs()['gateway_master_key']}"},
        timeout=30,
    )
    limits = {name: entry["budget_limit"] for name, entry in found.json()["providers"].items()}
    assert limits == {"openai": 100, "bedrock": 0.5}


def bridge(stack: TestStack) -> str:
    """This machine's address for containers."""
    return stack.docker("network", "inspect", "bridge", "--format", "{{range .IPAM.Config}}{{.Gateway}}{{end}}")


def saying(content: str) -> Routes:
    """A model that always says the same."""
    message = {"role": "assistant", "content": content}
    body = {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "own",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
    return {"/v1/chat/completions": Answer(body=body)}


@pytest.mark.soak
def test_a_model_of_this_machine_behind_an_own_authority_is_reached_and_the_doctor_calls_each_on_request(
    stack: TestStack, tmp_path: Path
) -> None:
    own = authority(tmp_path)
    with serving_tls(own, saying("from this machine"), "host.docker.internal", host=bridge(stack)) as url:
        port = url.rpartition(":")[2]
        base = f"https://host.docker.internal:{port}/v1"
        params = {"model": "openai/own", "api_base": base, "api_key": "os.environ/OPENAI_API_KEY"}
        model = {"model_name": "own", "litellm_params": params}
        away = {"model_name": "away", "litellm_params": {**params, "api_base": f"{base[:-3]}/none"}}
        config = tmp_path / "own.yaml"
        config.write_text(yaml.safe_dump({"model_list": [model, away]}))
        configure(stack, **{"gateway__config": str(config), "langfuse-stack__caBundle": str(own.certificate)})
        up = stack.ops("up")
        assert up.code == 0, up.output
        answer, user = post(stack, "own")
        assert answer.status_code == 200, answer.text
        assert answer.json()["choices"][0]["message"]["content"] == "from this machine"
        assert traced(stack, user)
        doctor = stack.ops("doctor", "--models", "--json")
    verdicts = {row["id"]: row["verdict"] for row in doctor.json["rows"] if row["id"].startswith("model ")}
    assert verdicts == {"model smoke": "healthy", "model own": "healthy", "model away": "finding"}
    assert doctor.code == 1
    assert json.dumps(doctor.json).count(CANARY) == 0


@pytest.mark.soak
def test_all_gates_are_green_behind_the_recipes_proxy_and_calls_go_out_through_another(
    stack: TestStack, tmp_path: Path
) -> None:
    """With TLS, another public address and an authority of the proxy's own."""
    web, gateway = (f"https://localhost:{port}" for port in free_ports(2))
    behind = {
        "langfuse.example.com": (web, stack.config["langfuse:webPort"]),
        "llm.example.com": (gateway, stack.config["gateway:port"]),
    }
    far = {"model": "openai/far", "api_base": "http://model.example.com/v1", "api_key": "os.environ/OPENAI_API_KEY"}
    config = tmp_path / "far.yaml"
    config.write_text(yaml.safe_dump({"model_list": [{"model_name": "far", "litellm_params": far}]}))
    outward = serving(saying("through the proxy"), host=bridge(stack))
    with caddy(tmp_path, behind) as root, outward as proxy:
        configure(
            stack,
            **{
                "langfuse-stack__caBundle": str(root),
                "langfuse__publicUrl": web,
                "gateway__publicUrl": gateway,
                "gateway__config": str(config),
                "langfuse-stack__httpProxy": f"http://host.docker.internal:{proxy.rpartition(':')[2]}",
            },
        )
        up = stack.ops("up")
        assert up.code == 0, up.output
        outputs = stack.outputs()
        assert (outputs["langfuse_url"], outputs["gateway_url"]) == (web, gateway)
        assert set(outputs["checks"].values()) == {"ok"}
        for command in ("smoke", "status"):
            assert stack.ops(command).code == 0
        env = stack.docker("exec", stack.container("langfuse-web"), "printenv", "NEXTAUTH_URL")
        assert env == web
        answer, user = post(stack, "far")
        assert answer.json()["choices"][0]["message"]["content"] == "through the proxy"
        assert traced(stack, user)


def test_a_gateway_database_passes_pack_and_inventory_and_an_image_without_an_engine_is_refused_before_anything_is_made(
    fresh: TestStack,
) -> None:
    fresh.configure(gateway__database="internal")
    unlisted = fresh.ops("preview")
    assert unlisted.code != 0
    assert "gateway-schema" in unlisted.output
    assert fresh.ops("inventory").code == 0
    preview = fresh.ops("preview")
    assert preview.code == 0, preview.output
    refused = fresh.ops("up")
    if fresh.ops("images", "--json").json["litellm"]["source"].startswith("built from packages"):
        assert refused.code != 0
        assert "has no Prisma engine" in refused.output
        assert fresh.names("container") == fresh.names("volume") == []
    else:
        assert refused.code == 0, refused.output
        assert fresh.ops("doctor").code == 0

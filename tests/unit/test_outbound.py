"""An own certificate authority and proxies reach what calls out, and nothing else."""

import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import certifi
import httpx
import pulumi
import pytest
from pulumi.dynamic import Config, ConfigureRequest

from checks import trust
from checks.base import CheckFailedError
from checks.http import WebProvider
from checks.trace import accepted
from ops.session import Session
from settings import SettingsError, ca_bundle
from settings.recorded import NOTHING
from tests.checks.tls import Authority, authority, serving_tls
from tests.unit.recorder import ROOT, Recording, record

CALLERS = ("langfuse-web", "langfuse-worker", "gateway")
STORES = ("clickhouse", "minio", "postgres", "redis")
BUNDLE = "/etc/langfuse-stack/ca.pem"
NAMES = ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture
def own(tmp_path: Path) -> Authority:
    return authority(tmp_path)


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in (trust.VARIABLE, *trust.FURTHER_VARIABLES, "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    yield
    trust.believe.cache_clear()


def files(recording: Recording, service: str) -> dict[str, str]:
    uploads: list[dict[str, Any]] = recording.one(service).inputs.get("uploads") or []
    return {upload["file"]: str(upload["content"]) for upload in uploads}


def test_an_own_authority_reaches_every_service_that_calls_out_beside_the_public_ones(
    own: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = record({"langfuse-stack:caBundle": str(own.certificate)}, tmp_path, monkeypatch)
    for service in CALLERS:
        bundle = files(found, service)[BUNDLE]
        assert own.certificate.read_text().strip() in bundle
        known = ssl.create_default_context(cafile=certifi.where()).cert_store_stats()["x509_ca"]
        held = ssl.create_default_context(cadata=bundle).cert_store_stats()["x509_ca"]
        assert held == known + 1
        assert {name: found.env(service)[name] for name in NAMES} == dict.fromkeys(NAMES, BUNDLE)
    for service in STORES:
        assert BUNDLE not in files(found, service)


def test_without_settings_nothing_of_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = record({}, tmp_path, monkeypatch)
    for service in CALLERS:
        assert not {*NAMES, "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"} & found.env(service).keys()
        assert BUNDLE not in files(found, service)


def test_proxies_are_for_what_is_not_the_stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {
        "langfuse-stack:httpsProxy": "http://proxy.example.com:3128",
        "langfuse-stack:noProxy": "corp.example.com,10.0.0.0/8",
    }
    found = record(settings, tmp_path, monkeypatch)
    for service in CALLERS:
        env = found.env(service)
        assert env["HTTPS_PROXY"] == "http://proxy.example.com:3128"
        assert "HTTP_PROXY" not in env
        named = set(env["NO_PROXY"].split(","))
        assert {"localhost", "127.0.0.1", *STORES, *CALLERS, "corp.example.com", "10.0.0.0/8"} <= named
        assert not {host for host in called(env) if host not in named}
    for service in STORES:
        assert "HTTPS_PROXY" not in found.env(service)


def called(env: dict[str, str]) -> set[str]:
    """Hosts that a service calls over HTTP inside the stack."""
    names = {"LANGFUSE_HOST", "LANGFUSE_OTEL_HOST", "CLICKHOUSE_URL", "LANGFUSE_S3_EVENT_UPLOAD_ENDPOINT"}
    return {httpx.URL(env[name]).host for name in names & env.keys()}


def test_a_variable_of_one_service_wins_over_the_setting_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {
        "langfuse-stack:httpsProxy": "http://proxy.example.com:3128",
        "langfuse:extraEnv": '{"HTTPS_PROXY": "http://other.example.com:3128"}',
    }
    found = record(settings, tmp_path, monkeypatch)
    assert found.env("langfuse-web")["HTTPS_PROXY"] == "http://other.example.com:3128"
    assert found.env("gateway")["HTTPS_PROXY"] == "http://proxy.example.com:3128"


def test_a_proxy_with_a_password_in_plain_text_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"langfuse-stack:httpsProxy": "http://me:canary@proxy.example.com:3128"}
    with pytest.raises(pulumi.RunError, match="config set --secret langfuse-stack:httpsProxy") as caught:
        record(settings, tmp_path, monkeypatch)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        ("text", "holds no certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "holds no certificate"),
        ("-----BEGIN PRIVATE KEY-----\ncanary\n", "holds a private key"),
    ],
)
def test_a_file_that_is_no_bundle_is_refused_with_its_name(content: str | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingsError, match=said) as caught:
        ca_bundle(path)
    assert str(path) in str(caught.value)
    assert "canary" not in str(caught.value)


def asked(url: str) -> None:
    accepted("GET", url, "fix")


def test_a_gate_believes_the_authority_of_the_settings(own: Authority) -> None:
    with serving_tls(own) as url:
        with pytest.raises(CheckFailedError, match="CERTIFICATE_VERIFY_FAILED"):
            asked(url)
        config = Config(raw_config={trust.SETTING: str(own.certificate)}, project_name="langfuse-stack")
        WebProvider().configure(ConfigureRequest(config))
        asked(url)


def test_gates_and_commands_honour_ssl_cert_file(own: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving_tls(own) as url:
        monkeypatch.setenv("SSL_CERT_FILE", str(own.certificate))
        asked(url)


def test_a_bundle_that_is_not_there_is_named_with_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nothing.pem"))
    with pytest.raises(CheckFailedError, match="SSL_CERT_FILE") as caught:
        asked("https://langfuse.example.com")
    assert "unset it" in caught.value.fix


def test_commands_believe_the_authority_of_the_settings_and_so_does_what_they_start(
    own: Authority, tmp_path: Path
) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text(f"config:\n  langfuse-stack:caBundle: {own.certificate}\n")
    session = Session("test", {}, settings, known=NOTHING)
    assert session.settings.stack.ca_bundle == own.certificate
    started = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1]).read()"
    with serving_tls(own) as url:
        asked(url)
        subprocess.run([sys.executable, "-c", started, url], env=session.variables, check=True, cwd=ROOT)


def test_only_what_is_outside_goes_through_the_operators_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    monkeypatch.setenv("NO_PROXY", "inside.example.com")
    assert trust.way_out("https://langfuse.example.com/")["proxy"] == "http://proxy.example.com:3128"
    for url in ("https://localhost:1/", "http://127.0.0.1:3000/", "https://inside.example.com/"):
        assert trust.way_out(url)["proxy"] is None
    assert os.environ["HTTPS_PROXY"]

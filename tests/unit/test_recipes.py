"""The recipes of docs/sign-in.md and docs/gateway.md: commands that the settings take, of names that Langfuse reads."""

import json
import re
import shlex
import smtplib
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import httpx
import oidc_provider_mock
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from settings.loading import known_keys
from tests.standin.docker_cli import free_port
from tests.unit.recorder import ROOT, recorded

COMMAND = re.compile(r"^pulumi config set (.+)$", re.MULTILINE)
NAMES = json.loads((ROOT / "components" / "files" / "langfuse-env-names.json").read_text())
WEB = {release: {*NAMES[release]["both"], *NAMES[release]["web_only"]} for release in ("3", "4")}
SECTION = re.compile(r"^## (.+?)\n(.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE)
SECRETS = {"SMTP_CONNECTION_URL": "smtp://me:canary@mail.example.com:587"}


def sections(page: str) -> dict[str, str]:
    return dict(SECTION.findall((ROOT / "docs" / page).read_text()))


def settings_of(text: str) -> dict[str, Any]:
    """What the commands of a section write into the settings file."""
    found: dict[str, Any] = {}
    for line in COMMAND.findall(text):
        words = [word for word in shlex.split(line, comments=True) if word not in {"--path", "--secret"}]
        key, value = words[0], (words[1:] or [SECRETS.get(words[0].rpartition(".")[2], "canary")])[0]
        head, _, name = key.partition(".")
        if name:
            found.setdefault(head, {})[name] = value
        else:
            found[head] = value
    return found


RECIPES = {title: settings_of(text) for title, text in sections("sign-in.md").items() if COMMAND.search(text)}


def as_config(settings: dict[str, Any]) -> dict[str, str]:
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in settings.items()}


def test_there_is_a_recipe_for_each_provider_that_people_have() -> None:
    assert {"Google", "Microsoft Entra ID (Azure AD)", "Okta", "Keycloak", "Mail"} <= set(RECIPES)


@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_reaches_langfuse_under_names_that_both_releases_read(title: str) -> None:
    settings = RECIPES[title]
    names = {name for values in settings.values() for name in values}
    for release in ("3", "4"):
        assert names <= WEB[release], release
    for service in ("langfuse-web", "langfuse-worker"):
        env = recorded(as_config(settings)).env(service)
        assert {name: env[name] for values in settings.values() for name in values} == {
            name: value for values in settings.values() for name, value in values.items()
        }


@pytest.mark.parametrize("title", RECIPES)
def test_what_a_recipe_calls_a_secret_is_one_and_is_asked_for(title: str) -> None:
    text = sections("sign-in.md")[title]
    for line in COMMAND.findall(text):
        secret = "langfuse:secretEnv" in line
        assert ("--secret" in line) == secret
        assert not secret or len(shlex.split(line, comments=True)) == 3, "a value on the command line is in the history"


MENTIONED = set(re.findall(r"`([A-Z]+_[A-Z_]+)[`=]", (ROOT / "docs" / "sign-in.md").read_text()))


@pytest.mark.parametrize("name", sorted(MENTIONED))
def test_every_variable_that_the_page_names_exists(name: str) -> None:
    assert name in {*WEB["3"], *WEB["4"], "LANGFUSE_ENV"}


def test_the_commands_of_the_gateways_page_are_settings_that_exist() -> None:
    text = (ROOT / "docs" / "gateway.md").read_text()
    keys = [next(word for word in line.split() if not word.startswith("--")) for line in COMMAND.findall(text)]
    named = {re.split(r"[.\[]", key.strip("'"))[0] for key in keys}
    assert {"gateway:config", "gateway:database", "langfuse-stack:caBundle", "langfuse:publicUrl"} <= named
    assert named <= set(known_keys())


def test_the_keycloak_recipe_signs_people_in_at_an_openid_server() -> None:
    """What Langfuse does with the variables: discovery, code, token, person, at the address that the page registers."""
    settings = {**RECIPES["Keycloak"], "langfuse:publicUrl": "https://langfuse.example.com"}
    settings["langfuse:extraEnv"] = {**settings["langfuse:extraEnv"], "AUTH_KEYCLOAK_ISSUER": "https://sso.example.com"}
    env = recorded(as_config(settings)).env("langfuse-web")
    callback = f"{env['NEXTAUTH_URL']}/api/auth/callback/keycloak"
    assert "/api/auth/callback/keycloak" in (ROOT / "docs" / "sign-in.md").read_text()
    grace = oidc_provider_mock.User(sub="grace", claims={"email": "grace@example.com"})
    server = oidc_provider_mock.app(user_claims=[grace], require_nonce=False)
    with httpx.Client(transport=httpx.WSGITransport(app=server)) as client:
        found = client.get(f"{env['AUTH_KEYCLOAK_ISSUER']}/.well-known/openid-configuration").json()
        assert found["issuer"] == env["AUTH_KEYCLOAK_ISSUER"]
        asked = {"response_type": "code", "scope": "openid email profile", "redirect_uri": callback}
        person = client.post(
            found["authorization_endpoint"],
            params={**asked, "client_id": env["AUTH_KEYCLOAK_CLIENT_ID"]},
            data={"sub": "grace"},
        )
        assert person.headers["location"].startswith(f"{callback}?")
        [code] = parse_qs(urlsplit(person.headers["location"]).query)["code"]
        token = client.post(
            found["token_endpoint"],
            data={"grant_type": "authorization_code", "code": code, "redirect_uri": callback},
            auth=(env["AUTH_KEYCLOAK_CLIENT_ID"], env["AUTH_KEYCLOAK_CLIENT_SECRET"]),
        ).json()
        bearer = {"Authorization": f"Bearer {token['access_token']}"}
        assert client.get(found["userinfo_endpoint"], headers=bearer).json()["email"] == "grace@example.com"


class Sink:
    """Takes mail from whoever logs in, and remembers both."""

    def __init__(self) -> None:
        self.logins: list[tuple[bytes, bytes]] = []
        self.mail: list[tuple[str, bytes]] = []

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        self.logins.append((data.login, data.password))
        return AuthResult(success=True)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - the library's name
        self.mail.append((envelope.mail_from, envelope.content))
        return "250 OK"


@pytest.fixture
def sink() -> Iterator[tuple[Sink, int]]:
    found, port = Sink(), free_port()
    controller = Controller(
        found,
        hostname="127.0.0.1",
        port=port,
        authenticator=found.authenticate,
        auth_require_tls=False,
        auth_required=True,
    )
    controller.start()
    yield found, port
    controller.stop()


def test_the_mail_recipe_logs_in_and_sends_whatever_the_password_holds(sink: tuple[Sink, int]) -> None:
    password = "c@nary/:%#?"
    url = f"smtp://me:{quote(password, safe='')}@mail.example.com:587"
    settings = dict(RECIPES["Mail"])
    settings["langfuse:secretEnv"] = {"SMTP_CONNECTION_URL": url}
    env = recorded(as_config(settings)).env("langfuse-web")
    login = urlsplit(env["SMTP_CONNECTION_URL"])
    assert (login.hostname, login.port) == ("mail.example.com", 587)
    with smtplib.SMTP("127.0.0.1", sink[1]) as client:
        client.login(unquote(str(login.username)), unquote(str(login.password)))
        client.sendmail(env["EMAIL_FROM_ADDRESS"], ["grace@example.com"], "Subject: invited\n\nWelcome")
    assert sink[0].logins == [(b"me", password.encode())]
    assert sink[0].mail[0][0] == "langfuse@example.com"

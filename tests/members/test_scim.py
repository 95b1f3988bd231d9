"""Adding a member by SCIM: what is sent, and what each answer means."""

import base64
import json

import pytest

from ops.members import scim
from ops.members.role import Role
from ops.session import OpsError
from tests.checks.local_server import Answer, Request, serving

PATH = "/api/public/scim/Users"
KEYS = scim.Keys("pk-lf-org", "sk-lf-org")


def add(answer: Answer) -> bool:
    with serving({PATH: answer}) as url:
        return scim.add(url, KEYS, "ada@example.com", Role.VIEWER, "")


def test_the_person_is_sent_with_role_and_the_organizations_keys() -> None:
    seen: list[Request] = []

    def answer(request: Request) -> Answer:
        seen.append(request)
        return Answer(201)

    with serving({PATH: answer}) as url:
        assert scim.add(url, KEYS, "ada@example.com", Role.VIEWER, "Ada")
    [request] = seen
    assert request.headers["Authorization"] == f"Basic {base64.b64encode(b'pk-lf-org:sk-lf-org').decode()}"
    body = json.loads(request.body)
    assert (body["userName"], body["name"], body["roles"]) == ("ada@example.com", {"formatted": "Ada"}, ["VIEWER"])


def test_a_member_stays_a_member() -> None:
    assert not add(Answer(409, {"detail": "User with this userName already exists"}))


@pytest.mark.parametrize("status", [401, 403, 404])
def test_an_installation_without_scim_is_told_from_a_failure(status: int) -> None:
    with pytest.raises(scim.NotOfferedError, match=f"HTTP {status} to SCIM: .*not available"):
        add(Answer(status, {"detail": "This feature is not available on your current plan."}))


def test_a_failure_says_what_langfuse_said_and_no_key() -> None:
    with pytest.raises(OpsError, match=r"ada@example\.com: HTTP 500") as failed:
        add(Answer(500, {"detail": "Internal server error"}))
    assert "sk-lf-org" not in str(failed.value)


def test_keys_are_taken_from_the_environment_and_only_both() -> None:
    assert scim.keys({scim.PUBLIC_VARIABLE: "a", scim.SECRET_VARIABLE: "b"}) == scim.Keys("a", "b")
    assert scim.keys({scim.PUBLIC_VARIABLE: "a"}) is None

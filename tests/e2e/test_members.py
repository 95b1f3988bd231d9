"""Members are listed from Langfuse's own tables, added where Langfuse offers it, and the door opens and closes."""

import httpx
import psycopg
import pytest

from tests.e2e.stack import TestStack
from tests.e2e.test_rollback import admin_url, export

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]

STRANGER = {"email": "stranger@example.com", "password": "Stranger-1", "name": "Stranger"}


def sign_up(stack: TestStack) -> int:
    url = f"http://127.0.0.1:{stack.config['langfuse:webPort']}/api/auth/signup"
    return httpx.post(url, json=STRANGER, timeout=10).status_code


def test_the_owner_and_those_who_are_invited_are_listed(stack: TestStack) -> None:
    with psycopg.connect(admin_url(export(stack)), autocommit=True) as db:
        # The stand-in invites nobody, so the table is made as Langfuse has it.
        db.execute(
            'CREATE TABLE langfuse."membership_invitations" (email text, org_id text, org_role langfuse."Role", '
            "created_at timestamp(3) DEFAULT now())"
        )
        db.execute(
            'INSERT INTO langfuse."membership_invitations" '
            "VALUES ('ada@example.com', 'my-organization', 'VIEWER', now())"
        )
        db.execute('GRANT SELECT ON langfuse."membership_invitations" TO langfuse')
        try:
            found = stack.ops("members", "--json").json
        finally:
            db.execute('DROP TABLE langfuse."membership_invitations"')
    assert found["sign_up"] is False
    people = {
        person["email"]: (person["organization"], person["role"], person["invited"]) for person in found["members"]
    }
    assert people["owner@example.com"] == ("My organization", "OWNER", False)
    assert people["ada@example.com"] == ("My organization", "VIEWER", True)


def test_without_a_licence_adding_says_how_it_is_done_and_changes_nothing(stack: TestStack) -> None:
    run = stack.ops("members", "add", "ada@example.com", "--role", "VIEWER")
    assert run.code == 1
    assert "organization/my-organization/settings/members" in run.output
    assert "python -m ops members unlock" in run.output
    assert "Traceback" not in run.output


@pytest.mark.soak
def test_the_door_opens_and_closes_again(fresh: TestStack) -> None:
    assert fresh.ops("up").code == 0
    assert sign_up(fresh) == 422
    opened = fresh.ops("members", "unlock")
    assert opened.code == 0, opened.output
    assert sign_up(fresh) == 200
    assert "langfuse:signUp is held at true" in fresh.ops("status").output
    closed = fresh.ops("members", "lock")
    assert closed.code == 0, closed.output
    assert sign_up(fresh) == 422
    members = {person["email"]: person["organization"] for person in fresh.ops("members", "--json").json["members"]}
    assert members[STRANGER["email"]] is None

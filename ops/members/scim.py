"""Adding a member by SCIM, which Langfuse offers to licensed installations with a key of the organization."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from checks.base import CheckFailedError
from checks.trace import SEE_WEB_LOG, request
from ops.members.role import Role
from ops.session import OpsError

PUBLIC_VARIABLE, SECRET_VARIABLE = "LANGFUSE_ORG_PUBLIC_KEY", "LANGFUSE_ORG_SECRET_KEY"
CREATED, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT = 201, 401, 403, 404, 409
USER_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"


class NotOfferedError(OpsError):
    """This Langfuse has no SCIM, or not for this key."""


@dataclass(frozen=True)
class Keys:
    """An organization's API keys."""

    public: str
    secret: str


def keys(environment: Mapping[str, str] = os.environ) -> Keys | None:
    """The organization's keys, if the caller's environment has them."""
    public, secret = environment.get(PUBLIC_VARIABLE), environment.get(SECRET_VARIABLE)
    return Keys(public, secret) if public and secret else None


def add(url: str, by: Keys, email: str, role: Role, name: str) -> bool:
    """Add a member; False when the person is one already, whose role then stays.

    Args:
        url: Langfuse's.
        by: the organization's keys.
        email: of the person.
        role: in the organization.
        name: shown; empty for none.

    Raises:
        NotOfferedError: the installation has no SCIM, or the key may not use it.
        OpsError: Langfuse does not answer, or refuses the person.
    """
    body = {"schemas": [USER_SCHEMA], "userName": email, "name": {"formatted": name or email}, "roles": [role.value]}
    try:
        answer = request("POST", f"{url}/api/public/scim/Users", SEE_WEB_LOG, auth=(by.public, by.secret), json=body)
    except CheckFailedError as failure:
        raise OpsError(str(failure)) from None
    if answer.status_code in {CREATED, CONFLICT}:
        return answer.status_code == CREATED
    said = " ".join(answer.text.split())[:200]
    if answer.status_code in {UNAUTHORIZED, FORBIDDEN, NOT_FOUND}:
        raise NotOfferedError(f"Langfuse answered HTTP {answer.status_code} to SCIM: {said}")
    raise OpsError(f"SCIM did not add {email}: HTTP {answer.status_code} {said}")

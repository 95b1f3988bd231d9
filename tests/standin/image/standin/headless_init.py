"""LANGFUSE_INIT_*: organisation, project, key and owner, made sure of at every start of web."""

from __future__ import annotations

import logging
import uuid
from typing import TYPE_CHECKING

from standin.credentials import fast_hash, masked, slow_hash

if TYPE_CHECKING:
    from standin.settings import InitSettings, Settings
    from standin.stores.postgres import Postgres

SHORTEST_PASSWORD = 8

log = logging.getLogger("init")


class InitError(Exception):
    """Initialisation failed; web stays up and answers 500 to everything until it is restarted."""


async def initialise(postgres: Postgres, settings: Settings) -> None:
    """Create what is absent; nothing that exists is renamed, and no password is changed.

    Raises:
        InitError: A value cannot be used, or two webs started at once.
        DatabaseUnavailableError: Postgres is away.
    """
    init = settings.init
    if init.org_id is None:
        if any(vars(init).values()):
            log.warning("LANGFUSE_INIT_ORG_ID is not set: all other LANGFUSE_INIT_* variables are ignored")
        return
    await postgres.query("organization_ensure", {"id": init.org_id, "name": init.org_name or "Provisioned Org"})
    if init.project_id is not None:
        await postgres.query(
            "project_ensure",
            {"id": init.project_id, "name": init.project_name or "Provisioned Project", "org_id": init.org_id},
        )
        await _ensure_key(postgres, init, settings.salt)
    elif init.public_key or init.secret_key:
        log.warning("LANGFUSE_INIT_PROJECT_ID is not set: the project's keys are ignored")
    await _ensure_owner(postgres, init)


async def _ensure_key(postgres: Postgres, init: InitSettings, salt: str) -> None:
    if not (init.public_key and init.secret_key):
        return
    existing = await postgres.one("api_key_by_public_key", {"public_key": init.public_key})
    if existing and existing["project_id"] == init.project_id:
        return
    if existing:
        log.warning("The public key belonged to project %s and is now made anew", existing["project_id"])
        await postgres.query("api_key_delete", {"public_key": init.public_key})
    await postgres.query(
        "api_key_create",
        {
            "id": str(uuid.uuid4()),
            "public_key": init.public_key,
            "slow_hash": slow_hash(init.secret_key),
            "fast_hash": fast_hash(init.secret_key, salt),
            "display": masked(init.secret_key),
            "project_id": init.project_id,
        },
    )


async def _ensure_owner(postgres: Postgres, init: InitSettings) -> None:
    if not (init.user_email and init.user_password):
        return
    email = init.user_email.lower()
    user = await postgres.one("user_by_email", {"email": email})
    if user is None:
        if len(init.user_password) < SHORTEST_PASSWORD:
            raise InitError(f"LANGFUSE_INIT_USER_PASSWORD must have at least {SHORTEST_PASSWORD} characters")
        user = {"id": str(uuid.uuid4())}
        await postgres.query(
            "user_create",
            {
                **user,
                "name": init.user_name or "Provisioned User",
                "email": email,
                "password": slow_hash(init.user_password),
            },
        )
    await postgres.query("owner_ensure", {"id": str(uuid.uuid4()), "org_id": init.org_id, "user_id": user["id"]})

"""The secrets of an app: what changed is staged, what is no longer wanted is unset, for the next deployment."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any

from platforms.fly import argv, replies
from platforms.fly.client import Client
from platforms.fly.errors import GarbledReplyError
from platforms.fly.requests import KnownSecret, SecretsRequest
from platforms.fly.secret_lines import lines

OPENS_DATA = re.compile(
    r"SALT|ENCRYPTION_KEY|NEXTAUTH_SECRET|(?:CLICKHOUSE|POSTGRES|MINIO_ROOT)_(?:USER|PASSWORD)|MINIO_ROOT_USER"
    r"|DATABASE_URL|DIRECT_URL|BACKUP_SECRET_KEY|CLUSTER_SECRET|KEEPER_IDENTITY|LANGFUSE_S3_\w+|FILE_\w+"
)
"""Names of secrets without which data cannot be read; they are never unset."""


def stage_secrets(fly: Client, request: SecretsRequest, previous: Mapping[str, Any]) -> dict[str, Any]:
    """Stage the secrets that changed here or at Fly since the last time, and unset those that this stack once set.

    Only names of the last answer are unset: a secret that somebody else set stays.

    Raises:
        SecretValueError: a value cannot be handed over unchanged.
        FlyError: a call failed.
    """
    app, key = request.app, request.hmac_key.get_secret_value().encode()
    values = {name: value.get_secret_value() for name, value in request.values.items()}
    lines(values)  # refuses them all at once, before anything is called
    marks = {
        name: hmac.new(key, f"{app}\0{name}\0{value}".encode(), hashlib.sha256).hexdigest()
        for name, value in values.items()
    }
    known = _known(app, previous)
    live = _digests(fly, app)
    changed = sorted(
        name
        for name, mark in marks.items()
        if name not in known or known[name].hmac != mark or not live.get(name) or live[name] != known[name].digest
    )
    dropped = sorted(name for name in known.keys() & live.keys() - marks.keys())
    kept = [name for name in dropped if OPENS_DATA.fullmatch(name)]
    unset = [name for name in dropped if name not in kept]
    if changed:
        fly(argv.secrets_import(app), lines({name: values[name] for name in changed}))
    if unset:
        fly(argv.secrets_unset(app, unset))
    if changed or unset:
        live = _digests(fly, app)
    wrong = sorted({name for name in marks if not live.get(name)} | {name for name in unset if name in live})
    if wrong:
        raise GarbledReplyError(
            f"app {app}: Fly does not list the secrets {', '.join(wrong)} as they were just set or unset",
            "run the same command again",
        )
    names = {name: {"hmac": mark, "digest": live[name]} for name, mark in marks.items()}
    names |= {name: known[name].model_dump() for name in kept}
    return {"app": app, "names": dict(sorted(names.items())), "staged": changed, "unset": unset}


def staged(fly: Client, app: str) -> list[str]:
    """Names of secrets that some machine does not have yet; none where that is unknown.

    `fly` calls every secret staged where it cannot read the releases. A deployment puts all of them to use, so that
    answer says nothing after one.

    Raises:
        FlyError: a call failed.
    """
    listed = replies.many(replies.Secret, fly(argv.listing(app, "secrets", "list")))
    unknown = all(secret.status.lower() == "staged" for secret in listed)
    return [] if unknown else sorted(secret.name for secret in listed if secret.staged)


def release_version(fly: Client, app: str) -> int:
    """Number of the app's last release; 0 for none.

    Raises:
        FlyError: it is not known.
    """
    listed = replies.many(replies.Release, fly(argv.listing(app, "releases")))
    return max((release.version for release in listed), default=0)


def _known(app: str, previous: Mapping[str, Any]) -> Mapping[str, KnownSecret]:
    if previous.get("app") != app:
        return {}
    return {name: KnownSecret.model_validate(entry) for name, entry in previous.get("names", {}).items()}


def _digests(fly: Client, app: str) -> dict[str, str]:
    listed = replies.many(replies.Secret, fly(argv.listing(app, "secrets", "list")))
    return {secret.name: secret.digest for secret in listed}

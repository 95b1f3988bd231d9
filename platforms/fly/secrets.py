"""The secrets of an app: what changed is staged, what is no longer wanted is unset, for the next deployment.

`fly secrets import` reads a line at a time: it removes quotes around a value and what follows a `#` outside of quotes,
opens a value of several lines with three quotes, and ends without a word at a line longer than its buffer. What cannot
pass unchanged is refused by name.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping

from pydantic import BaseModel, Field, SecretStr

from platforms.fly.action import Answer, Lasting
from platforms.fly.client import Client
from platforms.fly.errors import FlyError, GarbledReplyError
from platforms.fly.replies import Release, Secret

OPENS_DATA = re.compile(
    r"SALT|ENCRYPTION_KEY|NEXTAUTH_SECRET|(?:CLICKHOUSE|POSTGRES|MINIO_ROOT)_(?:USER|PASSWORD)|MINIO_ROOT_USER"
    r"|DATABASE_URL|DIRECT_URL|BACKUP_SECRET_KEY|CLUSTER_SECRET|KEEPER_IDENTITY|LANGFUSE_S3_\w+|FILE_\w+"
)
"""Names of secrets without which data cannot be read; they are never unset."""
MAX_LINE = 60_000
"""Bytes; the reader's buffer has 65536."""
BLOCK = '"""'


class KnownSecret(BaseModel, frozen=True):
    """What is remembered of a secret: our keyed hash of its value, and Fly's digest."""

    hmac: str
    digest: str


class StageSecrets(Lasting):
    """Stage the secrets that changed here or at Fly since the last time, and unset those that this stack once set.

    Only names of the last answer are unset: a secret that somebody else set stays. `hmac_key` is the key of the hashes
    by which a change is noticed.
    """

    app: str
    values: dict[str, SecretStr] = Field(min_length=1)
    hmac_key: SecretStr = Field(min_length=16)

    def do(self, fly: Client) -> Answer:
        values = {name: value.get_secret_value() for name, value in self.values.items()}
        lines(values)  # refuses them all at once, before anything is called
        marks = {name: self._mark(name, value) for name, value in values.items()}
        known, live = self._known, _digests(fly, self.app)
        changed = sorted(
            name
            for name, mark in marks.items()
            if name not in known or known[name].hmac != mark or not live.get(name) or live[name] != known[name].digest
        )
        dropped = sorted(known.keys() & live.keys() - marks.keys())
        kept = [name for name in dropped if OPENS_DATA.fullmatch(name)]
        unset = [name for name in dropped if name not in kept]
        if changed:
            fly("secrets import", app=self.app, stdin=lines({name: values[name] for name in changed}))
        if unset:
            fly("secrets unset --stage", names=unset, app=self.app)
        if changed or unset:
            live = _digests(fly, self.app)
        wrong = sorted({name for name in marks if not live.get(name)} | {name for name in unset if name in live})
        if wrong:
            raise GarbledReplyError(
                f"app {self.app}: Fly does not list the secrets {', '.join(wrong)} as they were just set or unset",
                "run the same command again",
            )
        names = {name: {"hmac": mark, "digest": live[name]} for name, mark in marks.items()}
        names |= {name: known[name].model_dump() for name in kept}
        return {"app": self.app, "names": dict(sorted(names.items())), "staged": changed, "unset": unset}

    def _mark(self, name: str, value: str) -> str:
        text = f"{self.app}\0{name}\0{value}"
        return hmac.new(self.hmac_key.get_secret_value().encode(), text.encode(), hashlib.sha256).hexdigest()

    @property
    def _known(self) -> Mapping[str, KnownSecret]:
        before = self.previous.get("names", {}) if self.previous.get("app") == self.app else {}
        return {name: KnownSecret.model_validate(entry) for name, entry in before.items()}

    @property
    def hidden(self) -> list[str]:
        values = [value.get_secret_value() for value in (self.hmac_key, *self.values.values())]
        return [part for value in values for part in (value, *value.split("\n"))]


def staged(fly: Client, app: str) -> list[str]:
    """Names of secrets that some machine does not have yet; none where that is unknown.

    `fly` calls every secret staged where it cannot read the releases. A deployment puts all of them to use, so that
    answer says nothing after one.
    """
    listed = fly.all(Secret, app)
    unknown = all(secret.status == "staged" for secret in listed)
    return [] if unknown else sorted(secret.name for secret in listed if secret.staged)


def release_version(fly: Client, app: str) -> int:
    """Number of the app's last release; 0 for none."""
    return max((release.version for release in fly.all(Release, app)), default=0)


def _digests(fly: Client, app: str) -> dict[str, str]:
    return {secret.name: secret.digest for secret in fly.all(Secret, app)}


def lines(values: Mapping[str, str]) -> str:
    """Standard input for `fly secrets import`.

    Args:
        values: value by name.

    Raises:
        FlyError: names every secret that cannot be handed over unchanged, never its value.
    """
    wrong, written = [], []
    for name, value in sorted(values.items()):
        spelled = _spelled(value)
        fault = _fault(name, value) or (spelled is None and "fly would change its quotes, its # or its line ends")
        if fault:
            wrong.append(f"    - {name}: {fault}")
        else:
            written.append(f"{name}={spelled}\n")
    if wrong:
        raise FlyError(
            "\n".join(("these cannot be handed to fly unchanged", *wrong)),
            "change them in the vault file, langfuse-stack:vault",
        )
    return "".join(written)


def _fault(name: str, value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name, re.ASCII):
        return "names have letters, digits and underscores only"
    if name.startswith("FLY_"):
        return "names that begin with FLY_ belong to Fly"
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        return "the value has a character that no environment variable can hold"
    if any(len(line.encode()) > MAX_LINE for line in value.split("\n")):
        return f"the value has a line of more than {MAX_LINE} bytes"
    return ""


def _spelled(value: str) -> str | None:
    if "\n" not in value:
        return next((text for text in (value, f'"{value}"') if _as_read(text) == value), None)
    first, *middle, _ = value.split("\n")
    lost = _ends_in_comment(BLOCK + first) or any(line.endswith((BLOCK, "\r")) for line in (first, *middle))
    return None if lost else f"{BLOCK}{value}{BLOCK}"


def _as_read(text: str) -> str | None:
    """What the reader makes of the value of one line; None when it would read on, or fail."""
    if text.endswith("\r"):
        return None
    text = text.lstrip(" ")
    if _ends_in_comment(text):
        text = text.partition("#")[0].rstrip(" ")
    if text.startswith(BLOCK) or text in ("'", '"'):
        return None
    return text[1:-1] if text[:1] in ("'", '"') and text[:1] == text[-1:] else text


def _ends_in_comment(text: str) -> bool:
    before, mark, _ = text.partition("#")
    return bool(mark) and before.count('"') % 2 == 0

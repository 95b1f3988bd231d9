"""Readers of what `fly --json` prints: any key casing, nulls, extra fields, and warnings around the document."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from platforms.fly.errors import GarbledReplyError, plain


def _squeezed(key: str) -> str:
    return re.sub(r"[^a-z0-9]", "", key.lower())


def _named(value: object) -> object:
    """An organization is a slug, or an object that has one."""
    if isinstance(value, Mapping):
        fields = {_squeezed(str(key)): field for key, field in value.items()}
        return fields.get("slug") or fields.get("rawslug") or fields.get("name") or ""
    return value


Word = Annotated[str, BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value)]
"""A word of Fly's, in small letters."""


class Reply(BaseModel):
    """One object of a reply."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)

    @model_validator(mode="before")
    @classmethod
    def _any_casing(cls, data: object) -> object:
        if not isinstance(data, Mapping):
            return data
        given: dict[str, object] = {}
        for key, value in data.items():
            if value is not None:
                given.setdefault(_squeezed(str(key)), value)
        return {name: given[_squeezed(name)] for name in cls.model_fields if _squeezed(name) in given}


class OfApp(Reply):
    """Something that an app has."""

    LIST: ClassVar[str]
    """The call that lists it."""


class App(Reply):
    """An app."""

    name: str
    id: str = ""
    organization: Annotated[str, BeforeValidator(_named)] = ""
    """Slug; empty when the reply does not say."""


class Address(OfApp):
    """An address of an app."""

    LIST = "ips list"
    address: str
    type: Word = ""

    @property
    def public(self) -> bool:
        """Whether strangers can reach it; an egress address is only where calls of the app come from."""
        return self.type in {"v4", "v6", "shared_v4", ""}

    @property
    def balanced(self) -> bool:
        """Whether Fly balances calls of the private network over the app's machines at it."""
        return self.type == "private_v6"


class Perishable(OfApp):
    """A volume or a machine."""

    state: Word = ""
    host_status: Word = ""

    @property
    def counts(self) -> bool:
        """Whether it is not on its way out."""
        return self.state not in {"destroyed", "destroying", "pending_destroy", "scheduling_destroy"}


class Volume(Perishable):
    """A volume."""

    LIST = "volumes list"
    id: str
    name: str
    size_gb: int = Field(gt=0)
    region: str = ""
    encrypted: bool | None = None
    attached_machine_id: str = ""
    attached_alloc_id: str = ""
    snapshot_retention: int | None = None


class Snapshot(Reply):
    """A snapshot of a volume."""

    id: str = ""
    """Empty while it is pending."""
    status: Word = ""
    created_at: datetime | None = None

    @property
    def complete(self) -> bool:
        """Whether it can be restored from."""
        return bool(self.id) and self.status in {"created", "complete", "completed"}


class Secret(OfApp):
    """A secret, without its value."""

    LIST = "secrets list"
    name: str
    digest: str
    status: Word = ""

    @property
    def staged(self) -> bool:
        """Whether some machine does not have it yet."""
        return self.status in {"staged", "partial", "partially deployed"}


class Release(OfApp):
    """A release of an app."""

    LIST = "releases"
    version: int
    status: str = ""
    description: str = ""
    created_at: str = ""
    image_ref: str = ""


class Check(Reply):
    """A health check of a machine."""

    name: str = ""
    status: Word = ""
    output: str = ""


class Mount(Reply):
    """A volume in a machine."""

    volume: str = ""
    path: str = ""
    name: str = ""


class SecretFile(Reply):
    """A file in a machine, perhaps from a secret."""

    secret_name: str = ""


class Config(Reply):
    """What a machine runs."""

    image: str = ""
    mounts: tuple[Mount, ...] = ()
    metadata: Mapping[str, str] = {}
    env: Mapping[str, str] = {}
    files: tuple[SecretFile, ...] = ()


class Exit(Reply):
    """How a machine's process ended, said by itself or by its host."""

    oom_killed: bool = False
    exit_event: "Exit | None" = None
    monitor_event: "Exit | None" = None
    restart_count: int = 0

    @property
    def out_of_memory(self) -> bool:
        """Whether it ended for want of memory."""
        told = (self.exit_event, self.monitor_event)
        return self.oom_killed or any(end.out_of_memory for end in told if end)


class Event(Reply):
    """Something that happened to a machine."""

    type: str = ""
    request: Exit = Exit()


class Machine(Perishable):
    """A machine, with what happened to it, newest first."""

    LIST = "machine list"
    id: str
    name: str = ""
    region: str = ""
    private_ip: str = ""
    config: Config = Config()
    checks: tuple[Check, ...] = ()
    events: tuple[Event, ...] = ()

    @property
    def started(self) -> bool:
        """Whether it runs."""
        return self.state == "started"

    @property
    def rests(self) -> bool:
        """Whether it is stopped, and nothing goes on in it."""
        return self.state in {"stopped", "suspended", "created", "failed"}

    @property
    def fault(self) -> str:
        """Why it is not well; empty when it is."""
        if not self.started:
            return f"state is {self.state or 'unknown'}"
        if not self.checks:
            return "no health check is reported yet"
        red = [check for check in self.checks if check.status != "passing"]
        return "; ".join(f"check {check.name} is {check.status} ({check.output.strip()[:200]})" for check in red)


class LogEntry(Reply):
    """What an app wrote."""

    timestamp: str = ""
    message: str = ""


Model = TypeVar("Model", bound=Reply)
Listed = TypeVar("Listed", bound=OfApp)


def many(model: type[Model], stdout: str) -> Sequence[Model]:
    """The objects of a list reply; `null` is an empty list.

    It is the first list that starts a line: an indented one is part of another that is cut off.

    Raises:
        GarbledReplyError: it is incomplete, or an object lacks what identifies it.
    """
    text = plain(stdout)
    for start in re.finditer(r"^(?=\[|null\s*\Z)", text, re.MULTILINE):
        try:
            value, _ = json.JSONDecoder().raw_decode(text, start.start())
        except (ValueError, RecursionError):
            continue
        return [_read(model, item) for item in value or []]
    raise GarbledReplyError("the reply has no complete JSON list")


def stream(model: type[Model], stdout: str) -> Sequence[Model]:
    """The objects that a reply prints one after the other; none is an empty stream.

    Raises:
        GarbledReplyError: as for `many`.
    """
    text, found, position = plain(stdout), [], 0
    while begin := re.compile(r"^(?=\{)", re.MULTILINE).search(text, position):
        try:
            value, position = json.JSONDecoder().raw_decode(text, begin.start())
        except (ValueError, RecursionError):
            raise GarbledReplyError("the reply ends in the middle of a JSON object") from None
        found.append(_read(model, value))
    return found


def _read(model: type[Model], item: Any) -> Model:
    try:
        return model.model_validate(item)
    except ValidationError as error:
        wrong = ", ".join(sorted({".".join(map(str, entry["loc"])) or "all of it" for entry in error.errors()}))
        raise GarbledReplyError(f"an entry of the reply has no usable {wrong} ({model.__name__.lower()})") from None

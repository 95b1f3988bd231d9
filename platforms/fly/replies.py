"""Readers of what `fly --json` prints: any key casing, nulls, extra fields, and warnings around the document."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from platforms.fly.errors import GarbledReplyError, plain

GONE = frozenset({"destroyed", "destroying", "pending_destroy", "scheduling_destroy"})
"""States of volumes and machines that do not count any more."""


def _squeezed(key: str) -> str:
    return re.sub(r"[^a-z0-9]", "", key.lower())


def _named(value: object) -> object:
    """An organization is a slug, or an object that has one."""
    if isinstance(value, Mapping):
        fields = {_squeezed(str(key)): field for key, field in value.items()}
        return fields.get("slug") or fields.get("rawslug") or fields.get("name") or ""
    return value


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


class App(Reply):
    """An app."""

    name: str
    id: str = ""
    organization: Annotated[str, BeforeValidator(_named)] = ""
    """Slug; empty when the reply does not say."""


class Address(Reply):
    """An address of an app."""

    address: str
    type: str = ""

    @property
    def public(self) -> bool:
        """Whether strangers can reach it; an egress address is only where calls of the app come from."""
        return self.type.lower() in {"v4", "v6", "shared_v4", ""}

    @property
    def balanced(self) -> bool:
        """Whether Fly balances calls of the private network over the app's machines at it."""
        return self.type.lower() == "private_v6"


class Volume(Reply):
    """A volume."""

    id: str
    name: str
    state: str = ""
    size_gb: int = Field(gt=0)
    region: str = ""
    encrypted: bool | None = None
    attached_machine_id: str = ""
    attached_alloc_id: str = ""
    host_status: str = ""
    snapshot_retention: int | None = None


class Snapshot(Reply):
    """A snapshot of a volume."""

    id: str = ""
    """Empty while it is pending."""
    status: str = ""
    created_at: datetime | None = None

    @property
    def complete(self) -> bool:
        """Whether it can be restored from."""
        return bool(self.id) and self.status.lower() in {"created", "complete", "completed"}


class Secret(Reply):
    """A secret, without its value."""

    name: str
    digest: str
    status: str = ""

    @property
    def staged(self) -> bool:
        """Whether some machine does not have it yet."""
        return self.status.lower() in {"staged", "partial", "partially deployed"}


class Check(Reply):
    """A health check of a machine."""

    name: str = ""
    status: str = ""
    output: str = ""


class MachineMount(Reply):
    """A volume in a machine."""

    volume: str = ""
    path: str = ""
    name: str = ""


class MachineConfig(Reply):
    """What a machine runs."""

    image: str = ""
    mounts: tuple[MachineMount, ...] = ()
    metadata: Mapping[str, str] = {}


class Machine(Reply):
    """A machine."""

    id: str
    name: str = ""
    state: str = ""
    region: str = ""
    private_ip: str = ""
    host_status: str = ""
    config: MachineConfig = MachineConfig()
    checks: tuple[Check, ...] = ()

    @property
    def counts(self) -> bool:
        """Whether it is not on its way out."""
        return self.state.lower() not in GONE

    @property
    def started(self) -> bool:
        """Whether it runs."""
        return self.state.lower() == "started"

    @property
    def rests(self) -> bool:
        """Whether it is stopped, and nothing goes on in it."""
        return self.state.lower() in {"stopped", "suspended", "created", "failed"}

    @property
    def lost(self) -> bool:
        """Whether its host does not answer."""
        return self.host_status.lower() not in {"ok", ""}

    @property
    def fault(self) -> str:
        """Why it is not well; empty when it is."""
        if not self.started:
            return f"state is {self.state or 'unknown'}"
        if not self.checks:
            return "no health check is reported yet"
        red = [check for check in self.checks if check.status.lower() != "passing"]
        return "; ".join(f"check {check.name} is {check.status} ({check.output.strip()[:200]})" for check in red)


class Release(Reply):
    """A release of an app."""

    version: int
    status: str = ""
    description: str = ""
    created_at: str = ""
    image_ref: str = ""


class SecretFile(Reply):
    """A file in a machine, perhaps from a secret."""

    secret_name: str = ""


class ConfigInFull(MachineConfig):
    """What a machine runs, with what it is told."""

    env: Mapping[str, str] = {}
    files: tuple[SecretFile, ...] = ()


class Exit(Reply):
    """How a machine's process ended."""

    oom_killed: bool = False


class Monitored(Reply):
    """An exit as the machine's host saw it."""

    exit_event: Exit = Exit()


class EventRequest(Reply):
    """What an event is about."""

    exit_event: Exit = Exit()
    monitor_event: Monitored = Monitored()
    restart_count: int = 0

    @property
    def out_of_memory(self) -> bool:
        """Whether it is an exit for want of memory."""
        return self.exit_event.oom_killed or self.monitor_event.exit_event.oom_killed


class Event(Reply):
    """Something that happened to a machine."""

    type: str = ""
    request: EventRequest = EventRequest()


class MachineInFull(Machine):
    """A machine, with what it is told and what happened to it, newest first."""

    config: ConfigInFull = ConfigInFull()
    events: tuple[Event, ...] = ()


class LogEntry(Reply):
    """What an app wrote."""

    timestamp: str = ""
    message: str = ""


Model = TypeVar("Model", bound=Reply)


def _document(text: str, kind: type) -> Any:
    """The first JSON document of `kind` that starts a line: an indented one is part of another that is cut off."""
    decoder = json.JSONDecoder()
    for start in re.finditer(r"^(?=[\[{]|null\s*\Z)", text, re.MULTILINE):
        try:
            value, _ = decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            continue
        if isinstance(value, kind) or value is None:
            return value
    raise GarbledReplyError(f"the reply has no complete JSON {'list' if kind is list else 'object'}")


def many(model: type[Model], stdout: str) -> Sequence[Model]:
    """The objects of a list reply; `null` is an empty list.

    Raises:
        GarbledReplyError: it is incomplete, or an object lacks what identifies it.
    """
    return [_read(model, item) for item in _document(plain(stdout), list) or []]


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


def _read(model: type[Model], item: object) -> Model:
    try:
        return model.model_validate(item)
    except ValidationError as error:
        wrong = ", ".join(sorted({".".join(map(str, entry["loc"])) or "all of it" for entry in error.errors()}))
        raise GarbledReplyError(f"an entry of the reply has no usable {wrong} ({model.__name__.lower()})") from None

"""Raw events as Langfuse keeps them in the bucket. Listings are streams: nothing here holds more than one page."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import groupby, islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

from ops.replay.window import Window

if TYPE_CHECKING:
    from minio import Minio

T = TypeVar("T")
OTLP = "otlp"
KINDS = ("trace", "observation", "score")
"""What one event is of; Langfuse's own replay takes these alone, too."""
SLACK = timedelta(minutes=2)
"""Between the minute in a key and the moment at which the store has the object."""


class UnreadableError(Exception):
    """The content of an object is not what its key promises."""


@dataclass(frozen=True)
class RawEvent:
    """One object."""

    project: str
    kind: str
    """`otlp` for a request of spans, else one of `KINDS`."""
    key: str
    id: str = ""
    """Of its trace, observation or score, as the key spells it."""

    @property
    def folder(self) -> str:
        """Where all events of its trace, observation or score are; ends with a slash."""
        return f"{self.key.rpartition('/')[0]}/"

    @property
    def name(self) -> str:
        """Last part of the key, without its ending."""
        return self.key.rpartition("/")[2].removesuffix(".json")


@dataclass(frozen=True)
class Bucket:
    """The bucket of raw events."""

    client: "Minio"
    name: str
    prefix: str = ""
    """First part of every key; ends with a slash."""

    def requests(self, project: str, window: Window) -> Iterator[RawEvent]:
        """OTLP requests of a window: their keys start with the minute, in UTC, so that no other is listed."""
        prefix, minute = f"{self.prefix}otel/{project}/", "%Y/%m/%d/%H/%M"
        last = f"{prefix}{window.end + SLACK:{minute}}/~"
        first = f"{prefix}{window.start - SLACK:{minute}}"
        for key in self._written(prefix, window, start_after=first, until=last):
            yield RawEvent(project, OTLP, key)

    def entities(self, project: str, kind: str, window: Window) -> Iterator[RawEvent]:
        """One event of each trace, observation or score that got any in a window: the worker reads all of them."""
        above = f"{self.prefix}{project}/{kind}/"
        events = (RawEvent(project, kind, key) for key in self._written(above, window))
        for folder, of_one in groupby(events, key=attrgetter("folder")):
            yield replace(next(of_one), id=folder[len(above) : -1])

    def read(self, raw: RawEvent) -> Any:
        """The parsed content of an object.

        Raises:
            UnreadableError: it is no JSON, or went since it was listed.
        """
        from minio.error import S3Error

        try:
            answer = self.client.get_object(self.name, raw.key)
        except S3Error as error:
            if error.code == "NoSuchKey":
                raise UnreadableError(raw.key) from error
            raise
        try:
            return json.loads(answer.read())
        except ValueError as error:
            raise UnreadableError(raw.key) from error
        finally:
            answer.close()
            answer.release_conn()

    def _written(
        self, prefix: str, window: Window, *, start_after: str | None = None, until: str | None = None
    ) -> Iterator[str]:
        for entry in self.client.list_objects(self.name, prefix=prefix, recursive=True, start_after=start_after):
            key = str(entry.object_name)
            if until and key > until:
                return
            if entry.last_modified and window.holds(entry.last_modified):
                yield key


def spans(content: Any) -> Iterator[tuple[str, str]]:
    """Trace id and span id of each span of an OTLP request.

    Raises:
        UnreadableError: it is no such request.
    """
    try:
        for resource in content:
            for scope in resource.get("scopeSpans") or ():
                for span in scope.get("spans") or ():
                    yield _id(span["traceId"]), _id(span["spanId"])
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise UnreadableError(str(error)) from error


def identity(content: Any) -> tuple[str, str]:
    """Id of a trace, observation or score, and of its trace: as its event has them, not as its key spells them.

    Raises:
        UnreadableError: it is no event.
    """
    try:
        body = (content[0] if isinstance(content, list) else content)["body"]
        return str(body["id"]), str(body.get("traceId") or body["id"])
    except (TypeError, KeyError, IndexError, AttributeError) as error:
        raise UnreadableError(str(error)) from error


def _id(value: Any) -> str:
    """Langfuse keeps what the sender's format has: hexadecimal text, or bytes as a list of numbers."""
    data = value.get("data", value) if isinstance(value, dict) else value
    return data if isinstance(data, str) else bytes(data).hex()


def in_batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of at most `size`."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch

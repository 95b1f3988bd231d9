"""Keys of the objects in the event bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from datetime import datetime


def otel_key(prefix: str, project_id: str, moment: datetime, unique: str) -> str:
    """Where an OTLP request is kept."""
    return f"{prefix}otel/{project_id}/{moment:%Y/%m/%d/%H/%M}/{unique}.json"


def entity_prefix(prefix: str, project_id: str, entity: str, entity_id: str) -> str:
    """Where the objects of one trace, observation or score are kept."""
    return f"{prefix}{project_id}/{entity}/{quote(entity_id, safe='')}/"

"""What every action has in common: fields that are what it is asked, and `do`, which does it."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from platforms.fly.client import Client

Answer = dict[str, Any]


class Action(BaseModel, ABC):
    """An action; unknown fields are refused, so that a misspelt one is no silent default."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @abstractmethod
    def do(self, fly: Client) -> Answer:
        """Carry it out.

        Raises:
            FlyError: it could not be done; names the reason and the fix.
            EvidenceError: a transcript could not be written.
        """

    @property
    def hidden(self) -> list[str]:
        """Every value that may be shown nowhere."""
        return []


class Lasting(Action, ABC):
    """An action that goes on from its last answer."""

    previous: Mapping[str, Any] = {}
    """That answer; empty for none."""


def answered(text: str | None) -> dict[str, Any]:
    """What an action printed; empty where that is nothing, as in a recorded run without an engine."""
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}

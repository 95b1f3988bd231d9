"""Reads variables as Langfuse's schema does: an empty value is unset, every problem is listed at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

Choice = TypeVar("Choice", bound=str)


class EnvironmentRefusedError(Exception):
    """The variables do not fit; the message names each one and what it lacks, never a value."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        listing = "\n".join(f"  {name}: {problem}" for name, problem in problems)
        super().__init__(f"Invalid environment variables:\n{listing}")
        self.names = [name for name, _ in problems]


class EnvironmentReader:
    """Collects values and problems; `finish` refuses if there was any problem."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._values = {name: value for name, value in variables.items() if value != ""}
        self._problems: list[tuple[str, str]] = []

    def refuse(self, name: str, problem: str) -> None:
        """Note that a variable does not fit."""
        self._problems.append((name, problem))

    def text(self, name: str) -> str | None:
        """The value, or None if it is unset or empty."""
        return self._values.get(name)

    def required(self, name: str) -> str:
        """The value of a variable that must be there."""
        value = self.text(name)
        if value is None:
            self.refuse(name, "Required")
        return value or ""

    def url(self, name: str) -> str:
        """A required variable that must be an absolute URL."""
        value = self.required(name)
        if value and not _is_url(value):
            self.refuse(name, "Invalid url")
        return value

    def switch(self, name: str, *, default: bool) -> bool:
        """An enum boolean: literally `true` or `false`, nothing else."""
        return self.choice(name, ("true", "false"), "true" if default else "false") == "true"

    def choice(self, name: str, options: tuple[Choice, ...], default: Choice) -> Choice:
        """One of the options, written exactly so."""
        value = self.text(name)
        if value is None:
            return default
        for option in options:
            if value == option:
                return option
        expected = " | ".join(f"'{option}'" for option in options)
        self.refuse(name, f"Invalid enum value. Expected {expected}")
        return default

    def integer(self, name: str, default: int, *, minimum: int = 0) -> int:
        """A whole number not below the minimum."""
        value = self.text(name)
        if value is None:
            return default
        try:
            number = int(value)
        except ValueError:
            self.refuse(name, "Expected number")
            return default
        if number < minimum:
            self.refuse(name, f"Number must be greater than or equal to {minimum}")
        return number

    def finish(self) -> None:
        """Refuse if anything did not fit.

        Raises:
            EnvironmentRefusedError: At least one variable is missing or wrong.
        """
        if self._problems:
            raise EnvironmentRefusedError(self._problems)


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc)

"""How old each rotatable secret is, from the day its resource was made. No value is looked at."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from components.secrets import generation
from ops.limits import limits
from ops.rotation.catalog import SECRETS
from ops.rotation.held import held
from ops.session import OpsError, Session
from ops.state import State
from settings import SettingsError


@dataclass(frozen=True)
class Age:
    """One secret's age."""

    secret: str
    generation: int
    since: str | None
    """UTC, ISO 8601; None where the program did not make it."""
    days: int | None
    due: bool
    noticed: str
    """What users and applications notice when it is rotated."""
    held: str | None
    """Where people keep it, if the program did not make it."""


def ages(session: Session, state: State, now: datetime | None = None) -> list[Age]:
    """Every rotatable secret of a stack that is up."""
    return list(_ages(session, state, now or datetime.now(UTC)))


def reminder(found: Sequence[Age], due_days: float) -> str:
    """One line for the operator."""
    due = sorted((age for age in found if age.due), key=lambda age: -(age.days or 0))
    if due:
        listed = ", ".join(f"{age.secret} ({age.days} days)" for age in due)
        return f"Rotate    {listed}: `python -m ops rotate {due[0].secret}`, one after the other"
    known = [age.days for age in found if age.days is not None]
    elsewhere = sum(age.held is not None for age in found)
    kept = f"; {elsewhere} kept by people" if elsewhere else ""
    if not known:
        return f"Secrets   ages are not known{kept}"
    return f"Secrets   oldest rotatable one {max(known)} days, due after {due_days:g}{kept}"


def _ages(session: Session, state: State, now: datetime) -> Iterator[Age]:
    due_days = limits(session.settings.monitoring.limits).secret_age_days
    for secret in SECRETS.values():
        number = secret.generation(session.settings)
        try:
            where = held(session, secret)
        except SettingsError as error:
            where = str(error)
        since = None if where else _made(state, generation(next(iter(secret.resources)), number))
        days = (now - datetime.fromisoformat(since)).days if since else None
        due = days is not None and days >= due_days
        yield Age(secret.name, number, since, days, due, secret.noticed, where)


def _made(state: State, logical_name: str) -> str | None:
    try:
        made = state.resource(logical_name).get("created")
    except OpsError:
        return None
    return str(made).replace("Z", "+00:00") if made else None

"""Secrets that this program does not generate: people change them where they keep them."""

from ops.rotation.catalog import Secret
from ops.session import RefusedError, Session
from settings import open_vault


def refuse_if_held_elsewhere(session: Session, secret: Secret) -> None:
    """Refuse a secret that is the vault's or belongs to somebody else's server; says how it is changed there.

    Raises:
        RefusedError: it is held elsewhere.
        SettingsError: the vault cannot be read.
    """
    where = held(session, secret)
    if where:
        raise RefusedError(f"{secret.name} is not generated: {where}. Nothing was changed")


def held(session: Session, secret: Secret) -> str | None:
    """Where people keep the secret, and what they do there; None for a generated one."""
    settings = session.settings
    stack = f"`make up STACK={session.stack}`"
    if secret.held_by in settings.external.values():
        return (
            f"it belongs to somebody else's server ({secret.held_by} is external). Let its owner add a second one, "
            f"put that into the vault, run {stack}, and let the owner remove the first"
        )
    if settings.stack.secrets != "vault" or not secret.in_vault:
        return None
    vault, _ = open_vault(settings, dry_run=True)
    given = {field.alias for name, field in type(vault).model_fields.items() if getattr(vault, name) is not None}
    if secret.in_vault not in given:
        return None
    return (
        f"{secret.in_vault} stands in the vault {settings.stack.vault}. Put the new value there and run {stack}: it "
        "stages the secrets of every app that has it and restarts them, one proven after the other. "
        f"Meanwhile: {secret.noticed}"
    )

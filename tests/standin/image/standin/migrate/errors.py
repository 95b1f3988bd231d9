"""Why a migration run ends a start of web."""

from __future__ import annotations


class MigrationError(Exception):
    """The run failed; the message is what the log shows, without addresses' secrets."""


class ForeignLedgerError(MigrationError):
    """The ledger was written by Langfuse itself: the stand-in must not touch that data."""

    def __init__(self, where: str) -> None:
        super().__init__(
            f"{where} was migrated by Langfuse itself, and this is its stand-in: it would damage that data."
            " Nothing was changed. Run Langfuse's own image here, or give the stand-in storage of its own."
        )

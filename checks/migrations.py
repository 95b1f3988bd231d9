"""Proof that the migrations of a web image take no data away, before that web boots and applies them."""

from pathlib import Path

import evidence
from checks.base import CheckFailedError, CheckProvider, CheckResource, Evidence, Inputs
from checks.clickhouse_login import Login
from checks.supabase import foreign_snapshot


class MigrationProvider(CheckProvider):
    """See `MigrationGate`."""

    label = "migration gate"
    libraries = ("clickhouse_connect", "psycopg", "pgparse", "yaml", "pydantic")
    secrets = ("password", "direct_url", "admin_url")
    keys = ("image", "http_address", "database", "schema", "retake")

    def probe(self, inputs: Inputs) -> Evidence:
        from checks.pending_migrations import Databases, described, inspect, refusal, remedy
        from policy import migrations

        login = Login(inputs["http_address"], inputs["user"], inputs["password"], inputs["database"])
        databases = Databases(login, inputs["direct_url"], inputs["schema"], bool(inputs.get("clustered")))
        if not inputs["folder"]:
            raise CheckFailedError(
                f"migrations of {inputs['image']}",
                "they could not be read out of the web image",
                "run `make images` where Docker can pull the image; without its SQL nothing is let through",
                final=True,
            )
        try:
            report = inspect(Path(inputs["folder"]), databases, migrations.APPROVALS_FILE)
        except migrations.MigrationsError as error:
            downgrade = "no migration found for version" in str(error)
            raise CheckFailedError(
                f"migrations of {inputs['image']}",
                str(error),
                "a release is never put back over a newer one's data: set langfuse:version to that release or later, "
                "or restore the backup that was made before the upgrade"
                if downgrade
                else "mend what the message names and run again; nothing was migrated",
                final=True,
            ) from None
        found = described(report)
        evidence.record("migrations", str(inputs["image"]), found)
        if report.blocking:
            raise CheckFailedError(
                f"pending migrations of {inputs['image']}",
                refusal(report.blocking),
                f"{remedy(report.blocking)}; `python -m ops migrations` shows all files. Nothing was migrated",
                final=True,
            )
        return {**found, "foreign": foreign_snapshot(inputs["admin_url"], inputs["schema"])}


class MigrationGate(CheckResource, module="checks", name="Migrations"):
    """No pending migration of a web image takes away data that exists, unless its very content was approved.

    Its evidence has what foreign schemas look like before that web boots, for `ForeignUntouched`.

    Args:
        inputs: `image` (re-runs the gate), `folder` (its SQL; None when it could not be read), `http_address`, `user`,
            `password`, `database`, `clustered` (ClickHouse), `direct_url`, `admin_url`, `schema` (Postgres),
            `retake` (re-runs the gate: when the snapshot was taken that is taken again; absent for none).
    """

    provider = MigrationProvider

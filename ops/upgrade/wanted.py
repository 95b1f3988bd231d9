"""What the settings and the operator want, and what the image of the next version would do to the data."""

from pathlib import Path

from checks.pending_migrations import Databases, inspect
from components.releases import references
from ops.backup.errors import told
from ops.migrations import of_image
from ops.session import Session
from ops.upgrade.look import Eyes
from ops.upgrade.state import Goal, LiveState, Shape, Shipped, major, next_version, reachable, release_of, shape_of
from policy.inventories import InventoryError, read
from policy.migrations import MigrationsError, read_folder
from policy.migrations.shipped import number
from settings import images

DOWNGRADE = "no migration found for version"
"""What a judgement says of an image that is older than a ledger, which is refused by its own rule."""


def asked_of(session: Session, live: LiveState) -> Shape:
    """What the settings ask for.

    Args:
        session: with its images resolved.
        live: a ClickHouse image that does not tell its version, or that the stack does not run, counts as what runs.

    Raises:
        SettingsError: the images are not resolved.
    """
    settings = session.settings
    version = images(settings, session.environment)["clickhouse"].version
    environment = {**settings.release.write_mode_env, **settings.langfuse.extra_env}
    known = version if version[:1].isdigit() and "clickhouse" in settings.stores else live.shape.clickhouse
    return shape_of(settings.langfuse_version, environment, known)


def goal_of(eyes: Eyes, live: LiveState, version: str) -> Goal:
    """Where to go, with a look into the image that comes next on the way.

    Args:
        eyes: the stack.
        live: what was seen of it.
        version: of Langfuse, the end of the way.

    Raises:
        OpsError: an image or a database cannot be read.
        ToolchainError: an image can be neither pulled nor built.
    """
    on_the_way = next_version(live.shape.version, version)
    image = _shipped(eyes, live, on_the_way) if reachable(live.shape.version, version) else None
    return Goal(version, image, recorded=_recorded(eyes.session, version))


def _shipped(eyes: Eyes, live: LiveState, version: str) -> Shipped:
    settings = eyes.session.settings
    known = settings.image_references if version == settings.langfuse_version else _usual(version)
    source = of_image(known["langfuse-web"])
    with told(f"read the migrations of {version}"):
        files = read_folder(source.folder, clustered=settings.clickhouse.clustered)
        newest = number(files.clickhouse[-1])
        # What the ledgers' state refuses by itself cannot be judged as well.
        judged = not (live.ledgers_broken or newest < live.clickhouse_ledger.version)
        return Shipped(
            version=version,
            clickhouse=newest,
            postgres=files.postgres[-1].name,
            destructive=_destructive(eyes, source.folder) if judged else (),
            stand_in=source.stand_in,
            clickhouse_floor=source.clickhouse_floor,
        )


def _usual(version: str) -> dict[str, str]:
    return references(release_of(version), version, {})


def _destructive(eyes: Eyes, folder: Path) -> tuple[str, ...]:
    """Files that the migration gate would stop."""
    stores = eyes.stores
    try:
        clustered = eyes.session.settings.clickhouse.clustered
        report = inspect(folder, Databases(stores.reader, stores.postgres.url, stores.schema, clustered))
    except MigrationsError as error:
        if DOWNGRADE in str(error):
            return ()
        raise
    return tuple(verdict.file.name for verdict in report.blocking)


def _recorded(session: Session, version: str) -> bool:
    try:
        recorded = read(session.name).versions
    except InventoryError:
        return False
    return major(version) in {major(entry) for entry in recorded}

"""Volumes: one of a name, in its region, encrypted, at least that large, and not lost."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pydantic import Field

from platforms.fly.action import Action, Answer, Lasting
from platforms.fly.apps import write
from platforms.fly.argv import Command
from platforms.fly.client import Client
from platforms.fly.errors import AGAIN, UNSURE, CapacityError, FlyError
from platforms.fly.machines import until
from platforms.fly.replies import Machine, Snapshot, Volume, many
from platforms.fly.toml import Guest

CLOCKS = timedelta(seconds=2)
"""How far this machine's clock may be ahead of Fly's."""


class EnsureVolume(Lasting):
    """A volume that a machine of the size `guest` mounts: size in GB, snapshots kept for `snapshot_retention` days."""

    app: str
    name: str
    region: str
    size_gb: int = Field(ge=1, le=500)
    snapshot_retention: int = Field(default=14, ge=1, le=60)
    guest: Guest

    def do(self, fly: Client) -> Answer:
        found = the_volume(fly, self.app, self.name)
        adopted = found is not None
        if found is None:
            if self.previous.get("id") and self.previous.get("app") == self.app:
                raise FlyError(
                    f"volume {self.name} ({self.previous['id']}) of app {self.app} was there before and is not any "
                    "more; an empty one would hide that",
                    f"restore it from a snapshot, {AGAIN}",
                    _restore(self.app, self.name, self.region),
                )
            create = Command(
                "volumes create",
                volume_name=self.name,
                app=self.app,
                region=self.region,
                size_gb=self.size_gb,
                retention=self.snapshot_retention,
                **dict(self.guest),
            )
            found = write(fly, create, lambda: the_volume(fly, self.app, self.name))
        self._require_fit(found)
        extended = found.size_gb < self.size_gb
        if extended:
            found = self._extended(fly, found)
        return {
            "app": self.app,
            "id": found.id,
            "name": found.name,
            "region": found.region,
            "size_gb": found.size_gb,
            "adopted": adopted,
            "extended": extended,
            "kept_larger": found.size_gb > self.size_gb,
        }

    def _require_fit(self, volume: Volume) -> None:
        what = f"volume {volume.name} ({volume.id}) of app {self.app}"
        if volume.region.lower() != self.region:
            raise FlyError(
                f"{what} is in region {volume.region or 'unknown'}, not in {self.region}",
                f"a volume cannot move: set fly:region to where it is, and its region in the inventory, {AGAIN}",
                f"pulumi config set fly:region {volume.region or 'REGION'}",
            )
        if volume.encrypted is not True:
            raise FlyError(
                f"{what} is not known to be encrypted",
                f"restore its snapshot into an encrypted one of that name and have this one retired by hand, {AGAIN}",
                _restore(self.app, self.name, self.region),
            )

    def _extended(self, fly: Client, volume: Volume) -> Volume:
        def grown() -> Volume | None:
            seen = the_volume(fly, self.app, self.name)
            return seen if seen and seen.size_gb >= self.size_gb else None

        extend = Command("volumes extend", volume=volume.id, app=self.app, size_gb=self.size_gb)
        try:
            return write(fly, extend, grown)
        except (*UNSURE, CapacityError) as error:
            raise FlyError(
                f"volume {volume.name} ({volume.id}) of app {self.app} has {volume.size_gb} GB, wanted are "
                f"{self.size_gb}, and it does not grow: {error.what}",
                f"extend it by hand, or set clickhouse:volumeGb or minio:volumeGb to what it has; {AGAIN}",
                str(extend),
            ) from None


class TakeSnapshot(Action):
    """A new, complete snapshot of a volume that exists."""

    name: str
    id: str

    def do(self, fly: Client) -> Answer:
        before = {snapshot.created_at for snapshot in self._listed(fly)}
        asked = datetime.now(UTC) - CLOCKS

        def begun_since() -> list[str]:
            """One that was under way before is pending in `before`, without an id."""
            new = (each for each in self._listed(fly) if each.complete and each.created_at not in before)
            return [each.id for each in new if each.created_at and each.created_at >= asked]

        fly("volumes snapshots create", volume=self.id)
        complete = until(fly, begun_since, bool)
        if not complete:
            raise FlyError(
                f"volume {self.name} ({self.id}): no snapshot begun after {asked:%H:%M:%S} UTC is complete in time, "
                "and nothing is deployed without one",
                f"see that this machine's clock is right, wait until the snapshot is listed as complete, {AGAIN}",
                f"fly volumes snapshots list {self.id}",
            )
        return {"snapshot": complete[0]}

    def _listed(self, fly: Client) -> Sequence[Snapshot]:
        return many(Snapshot, fly("volumes snapshots list", volume=self.id))


def the_volume(fly: Client, app: str, name: str) -> Volume | None:
    """The app's volume of that name, if it has one.

    Raises:
        FlyError: it has several; names their ids.
    """
    found = [volume for volume in fly.all(Volume, app) if volume.name == name and volume.counts]
    if len(found) > 1:
        ids = " and ".join(sorted(f"{volume.id} ({volume.size_gb} GB, {volume.region})" for volume in found))
        raise FlyError(
            f"app {app} has {len(found)} volumes named {name}: {ids}",
            "find out which one holds the data: the one that a machine has attached, as a rule. Take a snapshot of the "
            f"other and have it retired by hand, {AGAIN}",
            f"fly volumes list -a {app}",
        )
    return found[0] if found else None


def require_mounted(fly: Client, app: str, region: str, volume: TakeSnapshot, found: Sequence[Machine]) -> None:
    """Refuse where a deployment would mount another volume than the one asked for, or make an empty one.

    Args:
        fly: what calls `fly`.
        app: whose volume it is.
        region: where it is.
        volume: the one that holds the data.
        found: the app's machines.

    Raises:
        FlyError: the volume is not there, belongs to another machine, or its host does not answer.
    """
    name, wanted = volume.name, volume.id
    seen = the_volume(fly, app, name)
    if seen is None or seen.id != wanted:
        raise FlyError(
            f"app {app}: volume {name} ({wanted}) is not there ({f'{seen.id} is' if seen else 'none of that name is'}),"
            " and a deployment would make an empty one or mount another",
            f"restore it from a snapshot, {AGAIN}",
            _restore(app, name, region),
        )
    mounted = {mount.volume for machine in found for mount in machine.config.mounts if mount.volume}
    if mounted and wanted not in mounted:
        raise FlyError(
            f"app {app}: machine {found[0].id} has volume {', '.join(sorted(mounted))}, not {wanted}",
            f"find out which one holds the data before anything is deployed, {AGAIN}",
            f"fly volumes list -a {app}",
        )
    hosts = [machine.host_status or "ok" for machine in found] or [seen.host_status]
    if set(hosts) != {"ok"}:
        raise FlyError(
            f"app {app}: the host of volume {name} ({wanted}) does not answer, and a deployment would replace the "
            "machine or make an empty volume; nothing was changed",
            f"wait until Fly has the host back, {AGAIN}; if it is lost for good, restore the newest snapshot",
            f"fly volumes snapshots list {wanted}",
        )
    holder = seen.attached_machine_id or seen.attached_alloc_id
    if not found and holder:
        raise FlyError(
            f"app {app}: volume {name} ({wanted}) is attached to machine {holder}, which is not listed, and a first "
            "deployment would make an empty volume of the same name; nothing was changed",
            f"see what became of that machine, and have it retired by hand, {AGAIN}",
            f"fly machine status {holder} -a {app}",
        )


def _restore(app: str, name: str, region: str) -> str:
    return f"fly volumes create {name} -a {app} -r {region} --snapshot-id SNAPSHOT"

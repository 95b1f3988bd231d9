"""A deployment: only when something changed, after a snapshot, and proven afterwards."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from platforms.fly import argv, replies
from platforms.fly.client import Client
from platforms.fly.driver import Answer, make_balanced, make_public, require_private, the_volume
from platforms.fly.errors import (
    AGAIN,
    AttachedError,
    CallError,
    DeadHostError,
    FlyError,
    LeaseHeldError,
    RequestError,
    SnapshotError,
    StagedSecretsError,
    TimedOutError,
    UnhealthyError,
    VanishedError,
)
from platforms.fly.folder import Folder
from platforms.fly.machines import at_most, machines, run_all, stop_all, until
from platforms.fly.requests import DeployRequest, VolumeRef
from platforms.fly.secrets import release_version, staged
from platforms.fly.toml import fixed, lint, text

LEASE_TRIES = 4
LEASE_WAIT = 15
"""Seconds."""
CLOCKS = timedelta(seconds=2)
"""How far this machine's clock may be ahead of Fly's."""


def deploy(fly: Client, request: DeployRequest, previous: Mapping[str, Any]) -> Answer:
    """The app's machines, running what is asked for; see `DeployRequest`.

    Raises:
        LintError: the document is refused; nothing was called.
        VanishedError: the volume is not there.
        AttachedError: the volume belongs to another machine.
        DeadHostError: the host of the volume or its machine does not answer.
        SnapshotError: the checkpoint could not be made; nothing was deployed.
        LeaseHeldError: somebody else is deploying.
        FlyError: a call failed, or the machine is not as it must be.
    """
    if request.toml.get("app") != request.app or request.toml.get("primary_region") != request.region:
        raise RequestError(f"app {request.app}, region {request.region}: the fly.toml is for another app or region")
    previous = previous if previous.get("app") == request.app else {}
    if request.want == "stopped":
        stop_all(fly, request.app)
        return {**previous, "app": request.app, "state": request.want}
    folder = Folder.of(request.app)
    for before in (previous.get("fixed"), folder.fixed()):
        lint(request.toml, data=request.data, previous=before, secrets=frozenset(request.secrets))
    with folder.alone():
        found = at_most(fly, request.app, 1) if request.volume else machines(fly, request.app)
        if found:
            lint(request.toml, data=request.data, previous=_mounted(found[0]), secrets=frozenset(request.secrets))
        _require_volume(fly, request, found)
        wanted = _digests(request)
        snapshot = None
        if not _is_current(fly, request.app, previous, found, wanted):
            snapshot = checkpoint(fly, request.volume) if found and request.data and request.volume else None
            with _log_kept(fly, request.app):
                _release(fly, request, folder, found if folder.interrupted else ())
        with _log_kept(fly, request.app):
            answer = _proven(fly, request, wanted)
        folder.remember(request.toml)
        return answer | ({"snapshot": snapshot} if snapshot else {})


@contextmanager
def _log_kept(fly: Client, app: str) -> Iterator[None]:
    """Keep the log of a machine that did not come up well in the evidence: its migrations may have failed."""
    try:
        yield
    except (CallError, TimedOutError, UnhealthyError):
        with suppress(FlyError):
            fly(argv.logs(app))
        raise


def _mounted(machine: replies.Machine) -> dict[str, Any]:
    mounts = {mount.name: mount.path for mount in machine.config.mounts if mount.name and mount.path}
    return {"region": machine.region, "mounts": mounts}


def _digests(request: DeployRequest) -> dict[str, str]:
    secrets = json.dumps({name: secret.hmac for name, secret in sorted(request.secrets.items())})
    return {
        "image": request.image,
        "config_sha256": hashlib.sha256(text(request.toml).encode()).hexdigest(),
        "secrets_sha256": hashlib.sha256(secrets.encode()).hexdigest(),
    }


def _is_current(
    fly: Client,
    app: str,
    previous: Mapping[str, Any],
    found: Sequence[replies.Machine],
    wanted: Mapping[str, str],
) -> bool:
    same = all(previous.get(name) == value for name, value in wanted.items())
    known = previous.get("machine") in {machine.id for machine in found}
    return bool(same and known and previous.get("release") == release_version(fly, app) and not staged(fly, app))


def _require_volume(fly: Client, request: DeployRequest, found: Sequence[replies.Machine]) -> None:
    """Refuse where a deployment would mount another volume than the one asked for, or make an empty one."""
    if request.volume is None:
        return
    app, name, wanted = request.app, request.volume.name, request.volume.id
    volume = the_volume(fly, app, name)
    if volume is None or volume.id != wanted:
        raise VanishedError(
            f"app {app}: volume {name} ({wanted}) is not there "
            f"({f'{volume.id} is' if volume else 'none of that name is'}), and a deployment would make an empty one or "
            "mount another",
            f"restore it from a snapshot, {AGAIN}",
            f"fly volumes create {name} -a {app} -r {request.region} --snapshot-id SNAPSHOT",
        )
    mounted = {mount.volume for machine in found for mount in machine.config.mounts if mount.volume}
    if mounted and wanted not in mounted:
        raise VanishedError(
            f"app {app}: machine {found[0].id} has volume {', '.join(sorted(mounted))}, not {wanted}",
            f"find out which one holds the data before anything is deployed, {AGAIN}",
            f"fly volumes list -a {app}",
        )
    lost = any(machine.lost for machine in found) or (not found and volume.host_status.lower() != "ok")
    if lost:
        raise DeadHostError(
            f"app {app}: the host of volume {name} ({wanted}) does not answer, and a deployment would replace the "
            "machine or make an empty volume; nothing was changed",
            f"wait until Fly has the host back, {AGAIN}; if it is lost for good, restore the newest snapshot",
            f"fly volumes snapshots list {wanted}",
        )
    holder = volume.attached_machine_id or volume.attached_alloc_id
    if not found and holder:
        raise AttachedError(
            f"app {app}: volume {name} ({wanted}) is attached to machine {holder}, which is not listed, and a first "
            "deployment would make an empty volume of the same name; nothing was changed",
            f"see what became of that machine, and have it retired by hand, {AGAIN}",
            f"fly machine status {holder} -a {app}",
        )


def checkpoint(fly: Client, volume: VolumeRef) -> str:
    """A new, complete snapshot of a volume.

    Raises:
        SnapshotError: it is not complete in time.
        FlyError: a call failed.
    """

    def listed() -> Sequence[replies.Snapshot]:
        return replies.many(replies.Snapshot, fly(argv.snapshots("list", volume.id)))

    def new() -> list[str]:
        """What was begun since: one that was under way before is pending in `before`, without an id."""
        return [
            each.id
            for each in listed()
            if each.complete and each.created_at and each.created_at >= asked and each.created_at not in before
        ]

    before = {snapshot.created_at for snapshot in listed()}
    asked = datetime.now(UTC) - CLOCKS
    fly(argv.snapshots("create", volume.id))
    complete = until(fly, new, bool)
    if not complete:
        raise SnapshotError(
            f"volume {volume.name} ({volume.id}): no snapshot begun after {asked:%H:%M:%S} UTC is complete in time, "
            "and nothing is deployed without one",
            f"see that this machine's clock is right, wait until the snapshot is listed as complete, {AGAIN}",
            f"fly volumes snapshots list {volume.id}",
        )
    return complete[0]


def _release(fly: Client, request: DeployRequest, folder: Folder, ours: Sequence[replies.Machine]) -> None:
    command = argv.deploy(
        request.app,
        folder.write(request.toml),
        request.image,
        wait_minutes=request.wait_minutes,
        private="http_service" not in request.toml,
    )
    for wait in (*(LEASE_WAIT,) * (LEASE_TRIES - 1), None):
        try:
            with folder.deploying():
                fly(command)
        except LeaseHeldError as error:
            if ours:
                # A deployment from here was killed, and left its leases: nobody else would give them back for an hour.
                for machine in ours:
                    fly(argv.leases_clear(request.app, machine.id))
                folder.ended()
                ours = ()
            elif wait is None:
                raise LeaseHeldError(
                    f"app {request.app}: another deployment holds its machine: {error.what}",
                    f"wait until it ends; if there is none any more, clear its lease, {AGAIN}",
                    f"fly machine leases clear MACHINE -a {request.app}",
                ) from None
            else:
                fly.sleep(wait)
        else:
            return
    raise AssertionError("unreachable: the last wait is None")


def _proven(fly: Client, request: DeployRequest, wanted: Mapping[str, str]) -> Answer:
    app = request.app
    running = run_all(fly, app, request.replicas)
    if staged(fly, app):
        fly(argv.secrets_deploy(app))
        running = run_all(fly, app, request.replicas)
        left = staged(fly, app)
        if left:
            raise StagedSecretsError(
                f"app {app}: secrets {', '.join(left)} are still staged, so its machine does not have them",
                f"put them to use by hand, {AGAIN}",
                f"fly secrets deploy -a {app}",
            )
    _require_volume(fly, request, running)
    (make_public if "http_service" in request.toml else require_private)(fly, app)
    if request.toml.get("services"):
        make_balanced(fly, app)
    return {
        "app": app,
        "machine": running[0].id,
        **wanted,
        "release": release_version(fly, app),
        "state": running[0].state.lower(),
        "fixed": fixed(request.toml),
    }

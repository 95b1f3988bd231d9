"""A deployment: only when something changed, after a snapshot, of exactly one machine, and proven afterwards."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from platforms.fly import argv, replies
from platforms.fly.client import Client
from platforms.fly.driver import Answer, make_public, require_private, the_volume
from platforms.fly.errors import (
    AGAIN,
    CallError,
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
from platforms.fly.machines import at_most_one, healthy, until
from platforms.fly.requests import DeployRequest, VolumeRef
from platforms.fly.toml import fixed, lint, text

TRIES_FOR_A_LEASE = 4
WAIT_FOR_A_LEASE = 15
"""Seconds."""


def deploy(fly: Client, request: DeployRequest, previous: Mapping[str, Any]) -> Answer:
    """The app's one machine, running what is asked for; see `DeployRequest`.

    Raises:
        LintError: the document is refused; nothing was called.
        VanishedError: the volume is not there.
        SnapshotError: the checkpoint could not be made; nothing was deployed.
        LeaseHeldError: somebody else is deploying.
        FlyError: a call failed, or the machine is not as it must be.
    """
    if request.toml.get("app") != request.app or request.toml.get("primary_region") != request.region:
        raise RequestError(f"app {request.app}, region {request.region}: the fly.toml is for another app or region")
    previous = previous if previous.get("app") == request.app else {}
    folder = Folder.of(request.app)
    for before in (previous.get("fixed"), folder.fixed()):
        lint(request.toml, data=request.data, previous=before, secrets=frozenset(request.secrets))
    with folder.alone():
        machine = at_most_one(fly, request.app)
        if machine:
            lint(request.toml, data=request.data, previous=_mounted(machine), secrets=frozenset(request.secrets))
        _require_volume(fly, request, machine)
        wanted = _digests(request)
        snapshot = None
        if not (machine and _is_current(fly, request.app, previous, machine, wanted)):
            snapshot = checkpoint(fly, request.volume) if machine and request.data and request.volume else None
            with _log_kept(fly, request.app):
                _release(fly, request, folder, machine if folder.interrupted else None)
        elif machine.state.lower() != "started":
            fly(argv.machine_start(request.app, machine.id))
        with _log_kept(fly, request.app):
            answer = _proven(fly, request, wanted)
        folder.remember(request.toml)
        return answer | ({"snapshot": snapshot} if snapshot else {})


@contextmanager
def _log_kept(fly: Client, app: str) -> Iterator[None]:
    """Have the log of a machine that did not come up well in the evidence: its migrations may have failed."""
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
    fly: Client, app: str, previous: Mapping[str, Any], machine: replies.Machine, wanted: Mapping[str, str]
) -> bool:
    same = all(previous.get(name) == value for name, value in wanted.items()) and previous.get("machine") == machine.id
    return bool(same and previous.get("release") == _release_version(fly, app) and not _staged(fly, app))


def _release_version(fly: Client, app: str) -> int:
    return max((release.version for release in replies.many(replies.Release, fly(argv.releases(app)))), default=0)


def _staged(fly: Client, app: str) -> list[str]:
    return sorted(secret.name for secret in replies.many(replies.Secret, fly(argv.secrets_list(app))) if secret.staged)


def _require_volume(fly: Client, request: DeployRequest, machine: replies.Machine | None) -> None:
    if request.volume is None:
        return
    found = the_volume(fly, request.app, request.volume.name)
    if found is None or found.id != request.volume.id:
        raise VanishedError(
            f"app {request.app}: volume {request.volume.name} ({request.volume.id}) is not there "
            f"({f'{found.id} is' if found else 'none of that name is'}), and a deployment would make an empty one or "
            "mount another",
            f"restore it from a snapshot, {AGAIN}",
            f"fly volumes create {request.volume.name} -a {request.app} -r {request.region} --snapshot-id SNAPSHOT",
        )
    mounted = {mount.volume for mount in machine.config.mounts if mount.volume} if machine else set()
    if mounted and request.volume.id not in mounted:
        raise VanishedError(
            f"app {request.app}: machine {machine.id if machine else ''} has volume {', '.join(sorted(mounted))}, not "
            f"{request.volume.id}",
            f"find out which one holds the data before anything is deployed, {AGAIN}",
            f"fly volumes list -a {request.app}",
        )


def checkpoint(fly: Client, volume: VolumeRef) -> str:
    """A new, complete snapshot of a volume.

    Raises:
        SnapshotError: it is not complete in time.
        FlyError: a call failed.
    """

    def new() -> list[replies.Snapshot]:
        listed = replies.many(replies.Snapshot, fly(argv.snapshots_list(volume.id)))
        return [snapshot for snapshot in listed if snapshot.id not in before]

    before: set[str] = set()
    before = {snapshot.id for snapshot in new()}
    fly(argv.snapshots_create(volume.id))
    seen = until(fly, new, lambda found: any(snapshot.complete for snapshot in found))
    complete = [snapshot.id for snapshot in seen if snapshot.complete]
    if not complete:
        raise SnapshotError(
            f"volume {volume.name} ({volume.id}): its snapshot is not complete in time, and nothing is deployed "
            "without one",
            f"wait until it is listed as complete, {AGAIN}",
            f"fly volumes snapshots list {volume.id}",
        )
    return complete[0]


def _private(request: DeployRequest) -> bool:
    return "http_service" not in request.toml if request.private is None else request.private


def _release(fly: Client, request: DeployRequest, folder: Folder, ours: replies.Machine | None) -> None:
    command = argv.deploy(
        request.app,
        folder.write(request.toml),
        request.image,
        strategy=request.strategy,
        wait_minutes=request.wait_minutes,
        private=_private(request),
    )
    for wait in (*(WAIT_FOR_A_LEASE,) * (TRIES_FOR_A_LEASE - 1), None):
        try:
            with folder.deploying():
                fly(command)
        except LeaseHeldError as error:
            if ours is not None:
                # A deployment from here was killed, and left its lease: nobody else would give it back for an hour.
                fly(argv.leases_clear(request.app, ours.id))
                folder.ended()
                ours = None
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
    machine = healthy(fly, request.app)
    if _staged(fly, request.app):
        fly(argv.secrets_deploy(request.app))
        machine = healthy(fly, request.app)
        left = _staged(fly, request.app)
        if left:
            raise StagedSecretsError(
                f"app {request.app}: secrets {', '.join(left)} are still staged, so its machine does not have them",
                f"put them to use by hand, {AGAIN}",
                f"fly secrets deploy -a {request.app}",
            )
    _require_volume(fly, request, machine)
    (require_private if _private(request) else make_public)(fly, request.app)
    return {
        "app": request.app,
        "machine": machine.id,
        **wanted,
        "release": _release_version(fly, request.app),
        "address": f"{request.app}.internal",
        "state": machine.state.lower(),
        "fixed": fixed(request.toml),
    }

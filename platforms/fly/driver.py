"""Apps, addresses and volumes: list first, then adopt what is there or create what is missing; stop when in doubt."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from platforms.fly import argv, replies
from platforms.fly.argv import Command
from platforms.fly.client import Client
from platforms.fly.errors import (
    AGAIN,
    UNSURE,
    AppTakenError,
    CapacityError,
    FlyError,
    GarbledReplyError,
    PublicAddressError,
    RegionError,
    SizeError,
    TwinVolumesError,
    UnencryptedError,
    VanishedError,
)
from platforms.fly.ownership import OWNER_VARIABLE, own
from platforms.fly.requests import AppRequest, InspectRequest, LogsRequest, VolumeRequest

Answer = dict[str, Any]


def ensure_app(fly: Client, request: AppRequest, previous: Mapping[str, Any]) -> Answer:
    """An app of ours with that name; see `AppRequest`.

    Raises:
        AppTakenError: the name is somebody else's.
        VanishedError: it was there before.
        OwnedError, UnownedError: it is not known to be this stack's.
        PublicAddressError: it is private and has a public address.
        FlyError: a call failed.
    """
    found = _app(fly, request)
    adopted = found is not None
    if found is None:
        if previous.get("app") == request.app:
            raise VanishedError(
                f"app {request.app} was there before and is not any more, and its volumes went with it",
                "find out who removed it, and restore its data into an app of that name; an empty one would hide the "
                f"loss. Once it is back, {AGAIN.removeprefix('then ')}",
                f"fly apps list -o {request.org}",
            )
        created = argv.apps_create(request.app, request.org)
        found = _write(fly, created, lambda: _app(fly, request))
    if owner := os.environ.get(OWNER_VARIABLE):
        own(fly, request.app, owner, is_known=previous.get("app") == request.app)
    if request.private:
        require_private(fly, request.app)
    answer = {"app": found.name, "org": request.org, "adopted": adopted}
    return answer | ({"id": found.id} if found.id else {})


def _app(fly: Client, request: AppRequest) -> replies.App | None:
    listed = replies.many(replies.App, fly(argv.apps_list(request.org)))
    found = next((app for app in listed if app.name == request.app), None)
    if found and found.organization and found.organization.lower() != request.org.lower():
        raise AppTakenError(
            f"app {request.app} belongs to organization {found.organization}, not to {request.org}",
            f"set fly:organization if that one is yours; else choose another app name in fly:apps, {AGAIN}",
            f"pulumi config set fly:organization {found.organization}",
        )
    return found


def _addresses(fly: Client, app: str) -> Sequence[replies.Address]:
    return replies.many(replies.Address, fly(argv.listing(app, "ips", "list")))


def require_private(fly: Client, app: str) -> None:
    """Stop when a private app can be reached from the internet.

    Raises:
        PublicAddressError: names the addresses.
    """
    public = [ip.address for ip in _addresses(fly, app) if ip.public]
    if public:
        raise PublicAddressError(
            f"app {app} must be private and has public addresses: {', '.join(public)}",
            f"take them away by hand, or name the service in fly:public if it may be public; {AGAIN}",
            f"fly ips list -a {app}",
        )


def make_public(fly: Client, app: str) -> None:
    """Give a public app its addresses, unless it has some: Fly does so by itself at an app's first deployment only.

    Raises:
        FlyError: a call failed.
    """
    if not any(ip.public for ip in _addresses(fly, app)):
        for kind in (("allocate-v6",), ("allocate-v4", "--shared")):
            fly(argv.allocate_address(app, *kind))


def make_balanced(fly: Client, app: str) -> None:
    """Give an app the private address at which Fly balances over its healthy machines, unless it has one.

    Raises:
        FlyError: a call failed.
    """
    if not any(ip.balanced for ip in _addresses(fly, app)):
        fly(argv.allocate_address(app, "allocate-v6", "--private"))


def ensure_volume(fly: Client, request: VolumeRequest, previous: Mapping[str, Any]) -> Answer:
    """The one volume with that name, at least that large; see `VolumeRequest`.

    Raises:
        TwinVolumesError: there are several; names their ids.
        RegionError: it is in another region.
        UnencryptedError: it is not known to be encrypted.
        SizeError: it is too small and does not grow.
        VanishedError: it was there before.
        FlyError: a call failed.
    """
    found = the_volume(fly, request.app, request.name)
    adopted = found is not None
    if found is None:
        if previous.get("id") and previous.get("app") == request.app:
            raise VanishedError(
                f"volume {request.name} ({previous['id']}) of app {request.app} was there before and is not any more; "
                "an empty one would hide that",
                f"restore it from a snapshot, {AGAIN}",
                f"fly volumes create {request.name} -a {request.app} -r {request.region} --snapshot-id SNAPSHOT",
            )
        created = argv.volumes_create(
            request.app,
            request.name,
            request.region,
            request.size_gb,
            request.snapshot_retention,
            guest=(request.guest.cpu_kind, request.guest.cpus, request.guest.memory_mb),
        )
        found = _write(fly, created, lambda: the_volume(fly, request.app, request.name))
    _require_fit(found, request)
    extended = found.size_gb < request.size_gb
    if extended:
        grown = argv.volumes_extend(request.app, found.id, request.size_gb)
        try:
            found = _write(fly, grown, lambda: _grown(fly, request))
        except (*UNSURE, CapacityError) as error:
            raise SizeError(
                f"volume {found.name} ({found.id}) of app {request.app} has {found.size_gb} GB, wanted are "
                f"{request.size_gb}, and it does not grow: {error.what}",
                f"extend it by hand, or set clickhouse:volumeGb or minio:volumeGb to what it has; {AGAIN}",
                str(grown),
            ) from None
    return {
        "app": request.app,
        "id": found.id,
        "name": found.name,
        "region": found.region,
        "size_gb": found.size_gb,
        "adopted": adopted,
        "extended": extended,
        "kept_larger": found.size_gb > request.size_gb,
    }


def the_volume(fly: Client, app: str, name: str) -> replies.Volume | None:
    """The app's volume of that name, if it has one.

    Raises:
        TwinVolumesError: it has several.
    """
    listed = replies.many(replies.Volume, fly(argv.listing(app, "volumes", "list")))
    found = [volume for volume in listed if volume.name == name and volume.state.lower() not in replies.GONE]
    if len(found) > 1:
        ids = " and ".join(sorted(f"{volume.id} ({volume.size_gb} GB, {volume.region})" for volume in found))
        raise TwinVolumesError(
            f"app {app} has {len(found)} volumes named {name}: {ids}",
            "find out which one holds the data: the one that a machine has attached, as a rule. Take a snapshot of the "
            f"other and have it retired by hand, {AGAIN}",
            f"fly volumes list -a {app}",
        )
    return found[0] if found else None


def _require_fit(volume: replies.Volume, request: VolumeRequest) -> None:
    what = f"volume {volume.name} ({volume.id}) of app {request.app}"
    if volume.region.lower() != request.region:
        raise RegionError(
            f"{what} is in region {volume.region or 'unknown'}, not in {request.region}",
            f"a volume cannot move: set fly:region to where it is, and its region in the inventory, {AGAIN}",
            f"pulumi config set fly:region {volume.region or 'REGION'}",
        )
    if volume.encrypted is not True:
        raise UnencryptedError(
            f"{what} is not known to be encrypted",
            f"restore its snapshot into an encrypted one of that name and have this one retired by hand, {AGAIN}",
            f"fly volumes create {volume.name} -a {request.app} -r {request.region} --snapshot-id SNAPSHOT",
        )


def _grown(fly: Client, request: VolumeRequest) -> replies.Volume | None:
    volume = the_volume(fly, request.app, request.name)
    return volume if volume and volume.size_gb >= request.size_gb else None


def _write(fly: Client, command: Command, look: Any) -> Any:
    """Make a change, then look: what counts is what exists, not what was replied."""
    failure: FlyError | None = None
    try:
        fly(command)
    except UNSURE as error:
        failure = error
    except AppTakenError as error:
        # Ours when an earlier try of this very call was obeyed and its reply lost.
        failure = error
    found = look()
    if found is None:
        raise failure or GarbledReplyError(
            f"{command}: said to be done, but nothing of it is listed", "run the same command again"
        )
    return found


def inspect(fly: Client, request: InspectRequest) -> Answer:
    """Machines, volumes, names of secrets and releases of apps; an app that cannot be read has `error` instead."""
    return {"apps": {app: _inspected(fly, app, machines_only=request.machines_only) for app in request.apps}}


def _inspected(fly: Client, app: str, *, machines_only: bool) -> Answer:
    try:
        machines = {"machines": _plain(replies.many(replies.Machine, fly(argv.listing(app, "machine", "list"))))}
        if machines_only:
            return machines
        return {
            **machines,
            "volumes": _plain(replies.many(replies.Volume, fly(argv.listing(app, "volumes", "list")))),
            "secrets": sorted(
                secret.name for secret in replies.many(replies.Secret, fly(argv.listing(app, "secrets", "list")))
            ),
            "releases": _plain(replies.many(replies.Release, fly(argv.listing(app, "releases")))),
        }
    except FlyError as error:
        return {"error": str(error)}


def _plain(items: Sequence[replies.Reply]) -> list[Answer]:
    return [item.model_dump(mode="json") for item in items]


def logs(fly: Client, request: LogsRequest) -> Answer:
    """The last lines of an app's log, without anything secret; empty where Fly has none at hand."""
    text = fly.clean(fly(argv.logs(request.app)))
    return {"app": request.app, "text": "\n".join(text.splitlines()[-request.lines :])}

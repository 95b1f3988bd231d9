"""`fly deploy`: what becomes of an app's machines and volumes, branch for branch as the original."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.fly.fake.parse import RefusedError

if TYPE_CHECKING:
    from tests.fly.fake.cloud import Cloud, State
    from tests.fly.fake.parse import Arguments

MAX_GRACE = 60
UP = ("started", "starting", "failed")


def deploy(cloud: Cloud, arguments: Arguments) -> str:
    """Make or update every machine of the app."""
    app, state = cloud.own(arguments), cloud.state
    image = image_of(arguments)
    config = tomllib.loads(Path(arguments.flags["-c"]).read_text(encoding="utf-8"))
    found = cloud.machines_of(app)
    for machine in found:
        if machine["id"] in state["leases"]:
            raise RefusedError(
                f"Error: failed to get lease on VM {machine['id']}: failed to get lease: lease currently held"
            )
    first = not state["releases"][app]
    free = _provisioned(cloud, app, config, first=first and not found)
    for machine in found or [cloud.new_machine(app)]:
        _mount(cloud, config, machine, free)
        _update(cloud, machine, config, image, new=not found)
    if ("http_service" in config or "services" in config) and first and "--no-public-ips" not in arguments.flags:
        cloud.give_address(app, "2a09:8280:1::2", "v6")
        cloud.give_address(app, "66.241.124.1", "shared_v4")
    releases = state["releases"][app]
    releases.insert(0, {"ID": cloud.new("r"), "Version": len(releases) + 1, "Status": "complete", "Description": ""})
    cloud.apply_secrets(app)
    *before, last = cloud.machines_of(app)
    for machine in (*before, last):
        cloud.machines.create(machine, app, cloud.values(app))
        if machine["state"] == "started":
            cloud.machines.start(machine)
            if machine is not last:  # the last one is waited for while other apps are deployed
                cloud.machines.settle(machine)
    if app in state["sick"]:
        _fall_sick(cloud.machines_of(app)[0])
    return f"{_warnings(config)}Visit your newly deployed app at https://{app}.fly.dev/\n"


def image_of(arguments: Arguments) -> str:
    """What a machine runs: a registry's image by its digest, or one of the Docker engine at hand by part of its id."""
    image = arguments.flags["--image"]
    if re.fullmatch("[0-9a-f]{64}", image):
        raise RefusedError(
            "Error: failed to fetch an image or build from source: invalid repository name "
            f"({image}), cannot specify 64-byte hexadecimal strings"
        )
    if "--local-only" in arguments.flags and re.fullmatch("[0-9a-f]{12,63}", image):
        return image
    if "@sha256:" in image:
        return image
    raise RefusedError(f"Error: failed to fetch an image or build from source: Could not find image {image!r}")


def _provisioned(cloud: Cloud, app: str, config: State, *, first: bool) -> list[State]:
    """Volumes that a new machine may take. The first deployment makes the ones that are missing, empty."""
    free = [v for v in cloud.volumes_of(app) if not v["attached_machine_id"] and v["host_status"] == "ok"]
    for mount in config.get("mounts", []):
        if any(volume["name"] == mount["source"] for volume in free):
            continue
        if first:
            size = int(str(mount.get("initial_size", "1gb")).removesuffix("gb"))
            made = cloud.seed_volume(app, mount["source"], config["primary_region"], size)
            free.append(cloud.state["volumes"][made])
        elif not cloud.machines_of(app):
            raise RefusedError(
                f"Error: creating a new machine in group 'app' requires an unattached '{mount['source']}' volume. "
                f"Create it with `fly volume create {mount['source']}`"
            )
    return free


def _mount(cloud: Cloud, config: State, machine: State, free: list[State]) -> None:
    for mount in config.get("mounts", []):
        if machine.get("volume"):
            volume = cloud.state["volumes"][machine["volume"]]
            if machine["host_status"] != "ok":
                raise RefusedError(
                    f"Error: machine '{machine['id']}' requires manual intervention, it can't be automatically "
                    f"replaced because its volume '{volume['id']}' is on an unreachable host"
                )
        else:
            volume = next((v for v in free if v["name"] == mount["source"]), None)
            if volume is None or volume["region"] != config["primary_region"]:
                raise RefusedError(
                    f"Error: New machine in group 'app' needs an unattached volume named '{mount['source']}' in region "
                    f"'{config['primary_region']}'"
                )
        _require_room(volume, config)
        volume["attached_machine_id"], machine["volume"] = machine["id"], volume["id"]


def _require_room(volume: State, config: State) -> None:
    """The host was chosen for a machine of the size that was named when the volume was made."""
    wanted = size_of((config.get("vm") or [{}])[0])
    room = volume["room"]
    if room and any(room[name] < wanted[name] for name in ("cpus", "memory_mb")):
        raise RefusedError(
            "Error: failed to launch VM: insufficient resources to create new machine with existing volume "
            f"'{volume['id']}'"
        )


def size_of(vm: State) -> State:
    """CPUs and memory of a [[vm]]."""
    return {"cpus": int(vm.get("cpus", 1)), "memory_mb": int(str(vm.get("memory", "256mb")).removesuffix("mb"))}


def _update(cloud: Cloud, machine: State, config: State, image: str, *, new: bool) -> None:
    skip_launch = not new and machine["state"] not in UP
    mounts = config.get("mounts", [])
    region = config["primary_region"]
    restart = (config.get("restart") or [{"policy": "on-failure", "max_retries": 10}])[0]
    machine |= {
        "state": machine["state"] if skip_launch else "started",
        # A machine that is replaced answers 412 for a while.
        "replacing": 1 if skip_launch else 0,
        "region": region,
        "private_ip": "fdaa:0:1::2",
        "runs": image,
        "config": {
            "image": _pushed(config["app"], image, len(cloud.state["releases"].get(config["app"], []))),
            "env": {**config.get("env", {}), "FLY_PROCESS_GROUP": "app", "PRIMARY_REGION": region},
            "files": [
                {name: value for name, value in file.items() if name != "local_path"}
                for file in config.get("files", [])
            ],
            "mounts": [
                {"volume": machine["volume"], "path": mount["destination"], "name": mount["source"]} for mount in mounts
            ],
            "metadata": {"fly_process_group": "app"},
            "restart": {"policy": restart["policy"]},
            "stop_config": {"signal": config.get("kill_signal", "SIGINT"), "timeout": config.get("kill_timeout", 5)},
        },
        "toml": config,
    }
    cloud.state["machines"][machine["id"]] = machine


def _pushed(app: str, image: str, number: int) -> str:
    """What a machine is told to run: an image of the Docker engine at hand is pushed to the app's own registry."""
    return image if "@sha256:" in image else f"registry.fly.io/{app}:deployment-{number:026}"


def _fall_sick(machine: State) -> None:
    """It never becomes healthy: without a policy, Fly gives up after ten restarts."""
    machine["health"] = "critical"
    if machine["config"]["restart"]["policy"] != "always":
        machine["state"] = "stopped"
    raise RefusedError(
        f"Error: failed to update machine {machine['id']}: timeout reached waiting for health checks to pass for "
        f"machine {machine['id']}: failed to get VM {machine['id']}: context deadline exceeded"
    )


def _warnings(config: State) -> str:
    checks: list[Any] = [*config.get("checks", {}).values(), *config.get("http_service", {}).get("checks", [])]
    graces = [int(str(check.get("grace_period", "0s")).removesuffix("s")) for check in checks]
    if max(graces, default=0) > MAX_GRACE:
        return f"Warning! Health check grace period is above {MAX_GRACE}s, it is lowered to {MAX_GRACE}s\n"
    return ""

"""A small Fly: what its command line answers, and what it changes, on a plain dictionary that JSON can hold."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.fly.fake.parse import Arguments, UsageError, read_secrets

if TYPE_CHECKING:
    from collections.abc import Callable

State = dict[str, Any]
ORGANIZATION = "hotdash"


class RefusedError(Exception):
    """Fly says no; the text is what its command line prints."""


class Machines:
    """What a machine really is: here nothing, with Docker a container."""

    def create(self, machine: State, app: str, secrets: dict[str, str]) -> None:
        """Make or replace what runs."""

    def start(self, machine: State) -> None:
        """Start it."""

    def stop(self, machine: State) -> None:
        """Stop it; its volume stays."""

    def checks(self, machine: State) -> list[State]:
        """Its health checks."""
        status = machine.get("health", "passing") if machine["state"] == "started" else "critical"
        return [{"name": "health", "status": status, "output": "200 OK" if status == "passing" else "refused"}]

    def logs(self, app: str) -> list[tuple[str, str]]:
        """What it printed, each line with its time."""
        return [("2026-01-01T00:00:00Z", f"app {app} is ready")]

    def execute(self, app: str, line: str) -> tuple[int, str, str]:
        """Run a command inside."""
        return 1, "", f"Error: this fake has no containers, so {app} cannot run {line[:20]}\n"


def new_state() -> State:
    """A cloud with nothing in it."""
    empty: State = {name: {} for name in ("apps", "ips", "volumes", "snapshots", "secrets", "machines", "releases")}
    return {**empty, "counter": 0, "step": 0, "leases": [], "fault_uses": {}, "changes": [], "struck": {}}


@dataclass
class Cloud:
    """The cloud at hand.

    Args:
        state: everything there is.
        machines: what machines really are.
    """

    state: State = field(default_factory=new_state)
    machines: Machines = field(default_factory=Machines)

    def call(self, words: list[str], stdin: str = "") -> tuple[int, str, str]:
        """Exit status, standard output and standard error of one command line."""
        try:
            arguments = Arguments(words)
            handler: Callable[[Arguments, str], Any] = getattr(
                self, "_" + arguments.verb.replace(" ", "_").replace("-", "_")
            )
            reply = handler(arguments, stdin)
        except (RefusedError, UsageError) as error:
            return 1, "", f"{error}\n"
        return 0, reply if isinstance(reply, str) else json.dumps(reply, indent=4) + "\n", ""

    def seed_app(self, name: str, org: str = ORGANIZATION, *, public: bool = False) -> None:
        """An app that is there already; another `org` than ours makes it a stranger's."""
        self.state["apps"][name] = {"ID": name, "Name": name, "Organization": {"Slug": org}, "Status": "pending"}
        for kind in ("secrets", "releases"):
            self.state[kind].setdefault(name, {} if kind == "secrets" else [])
        address = {"ID": self._new("ip"), "Address": "2a09:8280:1::1", "Type": "v6", "Region": "global"}
        self.state["ips"][name] = [address] if public else []

    def seed_volume(self, app: str, name: str, region: str = "ord", size: int = 25, **other: Any) -> str:
        """A volume that is there already; its id."""
        volume_id = self._new("vol_")
        self.state["volumes"][volume_id] = {
            "id": volume_id,
            "name": name,
            "state": "created",
            "size_gb": size,
            "region": region,
            "zone": "a1b2",
            "encrypted": True,
            "attached_machine_id": None,
            "attached_alloc_id": None,
            "created_at": "2026-01-01T00:00:00Z",
            "host_dedication_id": "",
            "snapshot_retention": 14,
            "auto_backup_enabled": True,
            "host_status": "ok",
            "app": app,
            **other,
        }
        return volume_id

    def _new(self, prefix: str) -> str:
        self.state["counter"] += 1
        return f"{prefix}{hashlib.sha256(str(self.state['counter']).encode()).hexdigest()[:14]}"

    def _own(self, arguments: Arguments) -> str:
        app = self.state["apps"].get(arguments.app)
        if app is None or app["Organization"]["Slug"] != ORGANIZATION:
            raise RefusedError(f"Error: failed to retrieve app {arguments.app}: Could not find App {arguments.app!r}")
        return arguments.app

    def _apps_list(self, arguments: Arguments, _: str) -> Any:
        org = arguments.flags.get("-o", ORGANIZATION)
        return [app for app in self.state["apps"].values() if app["Organization"]["Slug"] == org]

    def _apps_create(self, arguments: Arguments, _: str) -> Any:
        (name,) = arguments.positionals
        if name in self.state["apps"]:
            raise RefusedError(
                "Error: Validation failed: Name has already been taken (Request ID: 01J0000000000000000000000-ord)"
            )
        self.seed_app(name, arguments.flags["-o"])
        return self.state["apps"][name]

    def _apps_restart(self, arguments: Arguments, _: str) -> Any:
        app = arguments.positionals[0]
        for machine in self.state["machines"].values():
            if machine["app"] == app:
                self.machines.stop(machine)
                self.machines.start(machine)
        return f"Restarting machines of {app}\n"

    def _ips_list(self, arguments: Arguments, _: str) -> Any:
        return self.state["ips"][self._own(arguments)]

    def _ips_allocate_v6(self, arguments: Arguments, _: str) -> Any:
        self._give_address(self._own(arguments), "2a09:8280:1::2", "v6")
        return {}

    def _ips_allocate_v4(self, arguments: Arguments, _: str) -> Any:
        self._give_address(self._own(arguments), "66.241.124.1", "shared_v4")
        return {}

    def _give_address(self, app: str, address: str, kind: str) -> None:
        self.state["ips"][app].append({"ID": self._new("ip"), "Address": address, "Type": kind, "Region": "global"})

    def _volumes_list(self, arguments: Arguments, _: str) -> Any:
        app = self._own(arguments)
        return [_without_app(volume) for volume in self.state["volumes"].values() if volume["app"] == app]

    def _volumes_create(self, arguments: Arguments, _: str) -> Any:
        if "-y" not in arguments.flags:
            raise RefusedError("Error: yes flag must be specified when not running interactively")
        flags = arguments.flags
        volume_id = self.seed_volume(
            self._own(arguments),
            arguments.positionals[0],
            flags.get("-r", "iad"),
            int(flags.get("-s", "3")),
            snapshot_retention=int(flags.get("--snapshot-retention", "5")),
        )
        return _without_app(self.state["volumes"][volume_id])

    def _volumes_extend(self, arguments: Arguments, _: str) -> Any:
        volume = self.state["volumes"].get(arguments.positionals[0])
        size = int(arguments.flags["-s"])
        if volume is None or volume["app"] != self._own(arguments):
            raise RefusedError("Error: failed to get volume: volume not found")
        if size <= volume["size_gb"]:
            raise RefusedError("Error: failed to extend volume: volumes can not be shrunk")
        volume["size_gb"] = size
        return _without_app(volume)

    def _volumes_snapshots_create(self, arguments: Arguments, _: str) -> Any:
        (volume_id,) = arguments.positionals
        snapshot: State = {"id": self._new("vs_"), "size": None, "digest": "", "created_at": "2026-01-02T00:00:00Z"}
        snapshot |= {"status": "pending", "retention_days": 14}
        self.state["snapshots"].setdefault(volume_id, []).insert(0, snapshot)
        return f"Scheduled to snapshot volume {volume_id}\n"

    def _volumes_snapshots_list(self, arguments: Arguments, _: str) -> Any:
        snapshots: list[State] = self.state["snapshots"].get(arguments.positionals[0], [])
        shown = [dict(snapshot) for snapshot in snapshots]
        for snapshot in snapshots:
            snapshot["status"] = "created"
        return shown

    def _secrets_list(self, arguments: Arguments, _: str) -> Any:
        secrets = self.state["secrets"][self._own(arguments)]
        return [
            {"name": name, "digest": secret["digest"], "created_at": "2026-01-01T00:00:00Z", "status": secret["status"]}
            for name, secret in sorted(secrets.items())
        ]

    def _secrets_import(self, arguments: Arguments, stdin: str) -> Any:
        app, values = self._own(arguments), read_secrets(stdin)
        if not values:
            raise RefusedError("Error: requires at least one SECRET=VALUE pair")
        if "--stage" not in arguments.flags:
            raise RefusedError("the fake does not restart machines: use --stage")
        for name, value in values.items():
            digest = hashlib.sha256(f"fly{app}{value}".encode()).hexdigest()[:16]
            self.state["secrets"][app][name] = {"value": value, "digest": digest, "status": "Staged"}
        return (
            "Secrets have been staged, but not set on VMs. Deploy or update machines in this app for them to apply.\n"
        )

    def _secrets_deploy(self, arguments: Arguments, _: str) -> Any:
        self._apply_secrets(self._own(arguments))
        return ""

    def _apply_secrets(self, app: str) -> None:
        for secret in self.state["secrets"][app].values():
            secret["status"] = "Deployed"

    def _deploy(self, arguments: Arguments, _: str) -> Any:
        app = self._own(arguments)
        image = self._image(arguments)
        config = tomllib.loads(Path(arguments.flags["-c"]).read_text(encoding="utf-8"))
        machine = next((each for each in self.state["machines"].values() if each["app"] == app), None)
        if machine and machine["id"] in self.state["leases"]:
            raise RefusedError(
                f"Error: failed to get lease on VM {machine['id']}: failed to get lease: lease currently held"
            )
        machine = machine or {"id": self._new(""), "name": f"{app}-1", "app": app}
        self._mount(app, config, machine)
        mounts = config.get("mounts", [])
        machine |= {
            "state": "started",
            "region": config["primary_region"],
            "private_ip": "fdaa:0:1::2",
            "config": {
                "image": image,
                "env": {
                    **config.get("env", {}),
                    "FLY_PROCESS_GROUP": "app",
                    "PRIMARY_REGION": config["primary_region"],
                },
                "files": [
                    {name: value for name, value in file.items() if name != "local_path"}
                    for file in config.get("files", [])
                ],
                "mounts": [
                    {"volume": machine["volume"], "path": mount["destination"], "name": mount["source"]}
                    for mount in mounts
                ],
                "metadata": {"fly_process_group": "app"},
            },
            "toml": config,
        }
        self.state["machines"][machine["id"]] = machine
        given = self.state["releases"][app] or self.state["ips"][app] or "--no-public-ips" in arguments.flags
        if "http_service" in config and not given:
            self._give_address(app, "2a09:8280:1::2", "v6")
            self._give_address(app, "66.241.124.1", "shared_v4")
        releases = self.state["releases"][app]
        self._apply_secrets(app)
        releases.insert(
            0, {"ID": self._new("r"), "Version": len(releases) + 1, "Status": "complete", "Description": ""}
        )
        values = {name: secret["value"] for name, secret in self.state["secrets"][app].items()}
        self.machines.create(machine, app, values)
        return f"Visit your newly deployed app at https://{app}.fly.dev/\n"

    def _image(self, arguments: Arguments) -> str:
        """What a machine runs: a registry's image by its digest, or one of the Docker engine at hand by its id."""
        image = arguments.flags["--image"]
        if "--local-only" in arguments.flags and re.fullmatch("[0-9a-f]{64}", image):
            return f"sha256:{image}"
        if "@sha256:" in image:
            return image
        raise RefusedError(f"Error: failed to fetch an image or build from source: Could not find image {image!r}")

    def _mount(self, app: str, config: State, machine: State) -> None:
        for mount in config.get("mounts", []):
            fitting = [v for v in self.state["volumes"].values() if v["app"] == app and v["name"] == mount["source"]]
            free = [v for v in fitting if v["attached_machine_id"] in (None, machine["id"])]
            if not free:
                raise RefusedError(
                    f"Error: Process group 'app' needs volumes with name '{mount['source']}' to fulfill mounts defined "
                    f"in fly.toml; Run `fly volume create {mount['source']} -r ord -n 1` to create a volume"
                )
            volume = next((v for v in free if v["attached_machine_id"]), free[0])
            volume["attached_machine_id"], machine["volume"] = machine["id"], volume["id"]

    def _machine_list(self, arguments: Arguments, _: str) -> Any:
        app = self._own(arguments)
        hidden = {"app", "toml", "volume", "health"}
        return [
            {**{k: v for k, v in machine.items() if k not in hidden}, "checks": self.machines.checks(machine)}
            for machine in self.state["machines"].values()
            if machine["app"] == app
        ]

    def _status(self, arguments: Arguments, _: str) -> Any:
        return {"Name": self._own(arguments), "Machines": self._machine_list(arguments, "")}

    def _machine(self, arguments: Arguments) -> State:
        machine: State | None = self.state["machines"].get(arguments.positionals[0])
        if machine is None or machine["app"] != self._own(arguments):
            raise RefusedError(f"Error: machine {arguments.positionals[0]} not found")
        return machine

    def _machine_start(self, arguments: Arguments, _: str) -> Any:
        machine = self._machine(arguments)
        self.machines.start(machine)
        machine["state"] = "started"
        return f"{machine['id']} has been started\n"

    def _machine_stop(self, arguments: Arguments, _: str) -> Any:
        machine = self._machine(arguments)
        self.machines.stop(machine)
        machine["state"] = "stopped"
        return f"Sending kill signal to machine {machine['id']}...\n{machine['id']} has been successfully stopped\n"

    def _machine_leases_clear(self, arguments: Arguments, _: str) -> Any:
        machine = self._machine(arguments)
        self.state["leases"] = [each for each in self.state["leases"] if each != machine["id"]]
        return f"clearing lease for machine {machine['id']}\n"

    def _releases(self, arguments: Arguments, _: str) -> Any:
        return self.state["releases"][self._own(arguments)]

    def _logs(self, arguments: Arguments, _: str) -> Any:
        self._own(arguments)
        return printed_logs(arguments, self.machines)

    def _ssh_console(self, arguments: Arguments, _: str) -> Any:
        code, out, err = entered(arguments, self.machines)
        if code:
            raise RefusedError(err.strip())
        return out


def printed_logs(arguments: Arguments, machines: Machines) -> str:
    """What `fly logs` prints."""
    if "--no-tail" not in arguments.flags:
        raise RefusedError("the fake does not follow logs for ever: use --no-tail")
    app, lines = arguments.app, machines.logs(arguments.app)
    if "--json" not in arguments.flags:
        return "".join(f"{at} app[{app}] ord [info] {text}\n" for at, text in lines)
    entries = (
        {"level": "info", "instance": app, "message": text, "region": "ord", "timestamp": at, "meta": {}}
        for at, text in lines
    )
    return "".join(f"{json.dumps(entry, indent=4)}\n" for entry in entries)


def entered(arguments: Arguments, machines: Machines) -> tuple[int, str, str]:
    """What `fly ssh console -C` does; the status of the command is in its words alone."""
    code, out, err = machines.execute(arguments.app, arguments.flags["-C"])
    if code:
        return 1, out, f"{err}Error: ssh shell: Process exited with status {code}\n"
    return 0, out, err


def _without_app(volume: State) -> State:
    return {name: value for name, value in volume.items() if name != "app"}

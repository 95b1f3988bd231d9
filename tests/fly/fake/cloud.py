"""A small Fly: what its command line answers, and what it changes, on a plain dictionary that JSON can hold."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.fly.fake import deployment
from tests.fly.fake.parse import Arguments, RefusedError, UsageError, read_secrets

if TYPE_CHECKING:
    from collections.abc import Callable

State = dict[str, Any]
ORGANIZATION = "hotdash"


LOG_PAGE = 100
"""Lines that Fly has at hand at most."""
VERSION = "0.4.87"


class EndlessError(Exception):
    """The command line never ends by itself."""


class Machines:
    """What a machine really is: here nothing, with Docker a container."""

    def create(self, machine: State, app: str, secrets: dict[str, str]) -> None:
        """Make or replace what runs."""

    def start(self, machine: State) -> None:
        """Start it."""

    def settle(self, machine: State) -> None:
        """Wait for its checks, as a deployment does before it goes on to the next machine."""

    def stop(self, machine: State) -> None:
        """Stop it; its volume stays."""

    def checks(self, machine: State) -> list[State]:
        """Its health checks."""
        status = machine["health"] if machine["state"] == "started" else "critical"
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
    knobs: State = {"leases": [], "sick": [], "token": "org", "secrets_status_fails": False}
    return {**empty, **knobs, "counter": 0, "step": 0, "fault_uses": {}, "changes": [], "struck": {}}


@dataclass
class Cloud:
    """The cloud at hand.

    Args:
        state: everything there is.
        machines: what machines really are.
    """

    state: State = field(default_factory=new_state)
    machines: Machines = field(default_factory=Machines)

    def call(self, words: list[str], stdin: str = "") -> tuple[int | None, str, str]:
        """Exit status (None: it does not end), standard output and standard error of one command line."""
        try:
            arguments = Arguments(words)
            handler: Callable[[Arguments, str], Any] = getattr(
                self, "_" + arguments.verb.replace(" ", "_").replace("-", "_")
            )
            reply = handler(arguments, stdin)
        except (RefusedError, UsageError) as error:
            return 1, "", f"{error}\n"
        except EndlessError:
            return None, "", ""
        return 0, reply if isinstance(reply, str) else json.dumps(reply, indent=4) + "\n", ""

    def seed_app(self, name: str, org: str = ORGANIZATION, *, public: bool = False) -> None:
        """An app that is there already; another `org` than ours makes it a stranger's."""
        self.state["apps"][name] = {"ID": name, "Name": name, "Organization": {"Slug": org}, "Status": "pending"}
        for kind in ("secrets", "releases"):
            self.state[kind].setdefault(name, {} if kind == "secrets" else [])
        address = {"ID": self.new("ip"), "Address": "2a09:8280:1::1", "Type": "v6", "Region": "global"}
        self.state["ips"][name] = [address] if public else []

    def seed_volume(self, app: str, name: str, region: str = "ord", size: int = 25, **other: Any) -> str:
        """A volume that is there already; its id."""
        volume_id = self.new("vol_")
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
            "room": None,
            **other,
        }
        return volume_id

    def machines_of(self, app: str) -> list[State]:
        """The app's machines."""
        return [machine for machine in self.state["machines"].values() if machine["app"] == app]

    def volumes_of(self, app: str) -> list[State]:
        """The app's volumes that are not on their way out."""
        return [v for v in self.state["volumes"].values() if v["app"] == app and v["state"] == "created"]

    def new_machine(self, app: str) -> State:
        """A machine that does not run yet."""
        number = len(self.machines_of(app)) + 1
        facts = {"state": "created", "host_status": "ok", "health": "passing", "replacing": 0}
        return {"id": self.new(""), "name": f"{app}-{number}", "app": app, **facts}

    def values(self, app: str) -> dict[str, str]:
        """Its secrets as a machine gets them."""
        return {name: secret["value"] for name, secret in self.state["secrets"][app].items() if "value" in secret}

    def new(self, prefix: str) -> str:
        self.state["counter"] += 1
        return f"{prefix}{hashlib.sha256(str(self.state['counter']).encode()).hexdigest()[:14]}"

    def own(self, arguments: Arguments) -> str:
        app = self.state["apps"].get(arguments.app)
        if app is None or app["Organization"]["Slug"] != ORGANIZATION:
            raise RefusedError(f"Error: failed to retrieve app {arguments.app}: Could not find App {arguments.app!r}")
        return arguments.app

    def _version(self, _arguments: Arguments, _: str) -> Any:
        return {"Name": "flyctl", "Version": VERSION, "Commit": "0", "BranchName": "", "OS": "linux"}

    def _apps_list(self, arguments: Arguments, _: str) -> Any:
        org = arguments.flags.get("-o", ORGANIZATION)
        if self.state["token"] != "org":
            raise RefusedError("Error: Not authorized to list apps of this organization")
        if org not in {ORGANIZATION, *(app["Organization"]["Slug"] for app in self.state["apps"].values())}:
            raise RefusedError(f"Error: organization {org} not found")
        return [app for app in self.state["apps"].values() if app["Organization"]["Slug"] == org]

    def _apps_create(self, arguments: Arguments, _: str) -> Any:
        (name,) = arguments.positionals
        if arguments.flags["-o"] != ORGANIZATION:
            raise RefusedError(f"Error: organization {arguments.flags['-o']} not found")
        if name in self.state["apps"]:
            raise RefusedError(
                "Error: Validation failed: Name has already been taken (Request ID: 01J0000000000000000000000-ord)"
            )
        self.seed_app(name, arguments.flags["-o"])
        return self.state["apps"][name]

    def _apps_restart(self, arguments: Arguments, _: str) -> Any:
        app = arguments.positionals[0]
        for machine in self.machines_of(app):
            if machine["state"] == "started":
                self.machines.stop(machine)
                self.machines.start(machine)
        return f"Restarting machines of {app}\n"

    def _ips_list(self, arguments: Arguments, _: str) -> Any:
        return self.state["ips"][self.own(arguments)]

    def _ips_allocate_v6(self, arguments: Arguments, _: str) -> Any:
        if "--private" in arguments.flags:
            self.give_address(self.own(arguments), "fdaa:0:1:0:1::2", "private_v6")
        else:
            self.give_address(self.own(arguments), "2a09:8280:1::2", "v6")
        return {}

    def _ips_allocate_v4(self, arguments: Arguments, _: str) -> Any:
        self.give_address(self.own(arguments), "66.241.124.1", "shared_v4")
        return {}

    def give_address(self, app: str, address: str, kind: str) -> None:
        """Add an address to an app."""
        self.state["ips"][app].append({"ID": self.new("ip"), "Address": address, "Type": kind, "Region": "global"})

    def _volumes_list(self, arguments: Arguments, _: str) -> Any:
        app = self.own(arguments)
        return [_without_app(volume) for volume in self.state["volumes"].values() if volume["app"] == app]

    def _volumes_create(self, arguments: Arguments, _: str) -> Any:
        if "-y" not in arguments.flags:
            raise RefusedError("Error: yes flag must be specified when not running interactively")
        flags = arguments.flags
        volume_id = self.seed_volume(
            self.own(arguments),
            arguments.positionals[0],
            flags.get("-r", "iad"),
            int(flags.get("-s", "3")),
            snapshot_retention=int(flags.get("--snapshot-retention", "5")),
            room={"cpus": int(flags.get("--vm-cpus", "1")), "memory_mb": int(flags.get("--vm-memory", "256"))},
        )
        return _without_app(self.state["volumes"][volume_id])

    def _volumes_extend(self, arguments: Arguments, _: str) -> Any:
        volume = self.state["volumes"].get(arguments.positionals[0])
        size = int(arguments.flags["-s"])
        if volume is None or volume["app"] != self.own(arguments):
            raise RefusedError("Error: failed to get volume: volume not found")
        if size <= volume["size_gb"]:
            raise RefusedError("Error: failed to extend volume: volumes can not be shrunk")
        volume["size_gb"] = size
        return _without_app(volume)

    def _volumes_snapshots_create(self, arguments: Arguments, _: str) -> Any:
        (volume_id,) = arguments.positionals
        self.seed_snapshot(volume_id, datetime.now(UTC).isoformat())
        return f"Scheduled to snapshot volume {volume_id}\n"

    def seed_snapshot(self, volume_id: str, begun: str) -> str:
        """A snapshot that is being made; its id, which is shown once it is complete."""
        snapshot: State = {"id": self.new("vs_"), "size": 0, "digest": "", "created_at": begun}
        snapshot |= {"status": "pending", "retention_days": 14}
        self.state["snapshots"].setdefault(volume_id, []).insert(0, snapshot)
        return str(snapshot["id"])

    def _volumes_snapshots_list(self, arguments: Arguments, _: str) -> Any:
        snapshots: list[State] = self.state["snapshots"].get(arguments.positionals[0], [])
        shown = [{**each, "id": "" if each["status"] == "pending" else each["id"]} for each in snapshots]
        for snapshot in snapshots:
            snapshot["status"] = "created"
        return shown

    def _secrets_list(self, arguments: Arguments, _: str) -> Any:
        secrets = self.state["secrets"][self.own(arguments)]
        return [
            {
                "name": name,
                "digest": secret["digest"],
                "status": "Staged" if self.state["secrets_status_fails"] else secret["status"],
            }
            for name, secret in sorted(secrets.items())
        ]

    def _secrets_import(self, arguments: Arguments, stdin: str) -> Any:
        app, values = self.own(arguments), read_secrets(stdin)
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

    def _secrets_unset(self, arguments: Arguments, _: str) -> Any:
        app = self.own(arguments)
        if "--stage" not in arguments.flags:
            raise RefusedError("the fake does not restart machines: use --stage")
        for name in arguments.positionals:
            self.state["secrets"][app].pop(name, None)
        return ""

    def _secrets_deploy(self, arguments: Arguments, _: str) -> Any:
        app = self.own(arguments)
        self.apply_secrets(app)
        for machine in self.machines_of(app):
            self.machines.create(machine, app, self.values(app))
            if machine["state"] == "started":
                self.machines.start(machine)
        return ""

    def apply_secrets(self, app: str) -> None:
        """Give every machine what is staged."""
        for secret in self.state["secrets"][app].values():
            secret["status"] = "Deployed"

    def _deploy(self, arguments: Arguments, _: str) -> Any:
        return deployment.deploy(self, arguments)

    def _machine_list(self, arguments: Arguments, _: str) -> Any:
        hidden = {"app", "toml", "volume", "health", "replacing", "runs"}
        shown = []
        for machine in self.machines_of(self.own(arguments)):
            entry = {name: value for name, value in machine.items() if name not in hidden}
            if machine["state"] == "stopping":
                machine["state"] = "stopped"
            if machine["replacing"] > 1:
                entry["state"] = "replacing"
            shown.append({**entry, "checks": self.machines.checks(machine)})
        return shown

    def _status(self, arguments: Arguments, _: str) -> Any:
        return {"Name": self.own(arguments), "Machines": self._machine_list(arguments, "")}

    def _machine(self, arguments: Arguments) -> State:
        machine: State | None = self.state["machines"].get(arguments.positionals[0])
        if machine is None or machine["app"] != self.own(arguments):
            raise RefusedError(f"Error: machine {arguments.positionals[0]} not found")
        return machine

    def _machine_start(self, arguments: Arguments, _: str) -> Any:
        machine = self._machine(arguments)
        if machine["replacing"] and machine["state"] != "started":
            machine["replacing"] -= 1
            raise RefusedError(
                f"Error: could not start machine {machine['id']}: failed to start VM: failed_precondition: "
                "unable to start machine from current state: 'replacing'"
            )
        self.machines.start(machine)
        machine["state"] = "started"
        return f"{machine['id']} has been started\n"

    def _machine_stop(self, arguments: Arguments, _: str) -> Any:
        machine = self._machine(arguments)
        self.machines.stop(machine)
        machine["state"] = "stopping"
        return f"Sending kill signal to machine {machine['id']}...\n{machine['id']} has been successfully stopped\n"

    def _machine_clone(self, arguments: Arguments, _: str) -> Any:
        source = self._machine(arguments)
        app = source["app"]
        if source["config"]["mounts"]:
            self.seed_volume(app, source["config"]["mounts"][0]["name"], source["region"])
        clone = {**json.loads(json.dumps(source)), **self.new_machine(app), "state": "started"}
        self.state["machines"][clone["id"]] = clone
        self.machines.create(clone, app, self.values(app))
        self.machines.start(clone)
        return f"  Machine {clone['id']} has been created...\nMachine has been successfully cloned!\n"

    def _machine_leases_clear(self, arguments: Arguments, _: str) -> Any:
        machine = self._machine(arguments)
        self.state["leases"] = [each for each in self.state["leases"] if each != machine["id"]]
        return f"clearing lease for machine {machine['id']}\n"

    def _releases(self, arguments: Arguments, _: str) -> Any:
        return self.state["releases"][self.own(arguments)]

    def _logs(self, arguments: Arguments, _: str) -> Any:
        self.own(arguments)
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
    app, lines = arguments.app, machines.logs(arguments.app)[-LOG_PAGE:]
    if not lines:
        raise EndlessError
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
    return {name: value for name, value in volume.items() if name not in {"app", "room"}}

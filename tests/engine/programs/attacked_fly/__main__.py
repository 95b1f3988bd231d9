"""A data app with its volume on Fly, and a schema in somebody's database; a setting says how somebody edits it."""

import json
from collections.abc import Sequence

import pulumi
from pulumi_command import local
from schema import LangfuseSchema  # type: ignore[import-not-found]  # beside this file

from components.base import Component, data_options, register_delete_hook
from platforms.fly.platform import FlyArgs, FlyPlatform
from platforms.fly.toml import Guest
from platforms.spec import HealthSpec, HttpProbe, Mount, Port, ServiceSpec, VolumeSpec

config = pulumi.Config()
edit = config.get("edit") or ""
without = (config.get("without") or "").split()


def guarded(parent: pulumi.Resource, after: Sequence[pulumi.Resource] = ()) -> pulumi.ResourceOptions:
    """The product's options, less what a case leaves out."""
    options = data_options(parent, after)
    if "protect" in without or edit == "unprotect":
        options.protect = False
    if "retain" in without:
        options.retain_on_delete = False
    if "hook" in without:
        options.hooks = None
    return options


register_delete_hook()
app = "attacked-2" if edit == "another app" else "attacked"
platform = FlyPlatform(
    FlyArgs(
        organization="hotdash",
        region="ams" if edit == "another region" else "ord",
        apps=lambda _service: app,
        machines=lambda _service: Guest(memory_mb=2048),
        public=(),
        snapshot_retention=14,
        owner=pulumi.Output.from_input("0123456789abcdef"),
        secrets_key=pulumi.Output.secret("only for this test"),
        running=True,
    ),
    guarded,
)


class ClickHouse(Component):
    """Owns the volume."""

    def __init__(self) -> None:
        super().__init__("clickhouse")
        mounts: tuple[Mount, ...] = ()
        if edit != "remove volume":
            volume = VolumeSpec("data_2" if edit == "rename volume" else "data", 10 if edit == "shrink" else 25)
            logical_name = "volume-2" if edit == "rename declaration" else "volume"
            mounts = (Mount(platform.volume(logical_name, volume, guarded(self)), "/data"),)
        spec = ServiceSpec(
            "clickhouse",
            image=f"registry.example.com/clickhouse@sha256:{'0' * 64}",
            ports=(Port("http", 8123, 8123, "none"),),
            health=HealthSpec(HttpProbe(8123, "/ping")),
            stop_grace=60,
            secret_env={"CLICKHOUSE_PASSWORD": pulumi.Output.secret("only for this test")},
            mounts=mounts,
        )
        platform.service("clickhouse", spec, self.child())
        self.register_outputs({})


class Renamed(ClickHouse):
    """The same under another type."""


class Cleaner(pulumi.ComponentResource):
    """Owns a reviewed command, which deploys another image over the volume."""

    def __init__(self) -> None:
        super().__init__("langfuse-stack:fly:Service", "cleaner-deploy")
        toml = {"mounts": [{"source": "data", "destination": "/data"}], "processes": {"app": "rm -rf /data"}}
        request = {"app": app, "region": "ord", "image": f"example.com/a@sha256:{'1' * 64}", "toml": toml, "data": True}
        local.Command(
            "cleaner-deploy",
            create="python3 -m platforms.fly deploy",
            stdin=json.dumps(request),
            opts=pulumi.ResourceOptions(parent=self),
        )


class ExternalPostgres(Component):
    """Owns the schema."""

    def __init__(self) -> None:
        super().__init__("postgres")
        LangfuseSchema("schema", "langfuse_2" if edit == "another schema" else "langfuse", guarded(self))
        self.register_outputs({})


if edit != "remove component":
    Renamed() if edit == "rename component" else ClickHouse()
if edit != "remove schema":
    ExternalPostgres()
if edit == "cleaner":
    Cleaner()

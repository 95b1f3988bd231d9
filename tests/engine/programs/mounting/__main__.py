"""A data volume and the container that mounts it, as the product does; a setting says how somebody edits it."""

import os

import pulumi
import pulumi_command as command
import pulumi_docker as docker

from components.base import Component, register_delete_hook
from platforms.docker.platform import DockerPlatform
from platforms.spec import VolumeSpec

config = pulumi.Config()
edit = config.get("edit") or ""
without = (config.get("without") or "").split()
instance, image = os.environ["INSTANCE"], os.environ["IMAGE"]
platform = DockerPlatform(instance, "owner", lambda _: 512, running=False)


class Redis(Component):
    """Owns the volume."""

    def __init__(self) -> None:
        super().__init__("redis")
        name = "queue-data" if edit == "rename" else "redis-data"
        spec = VolumeSpec(f"{instance}_queue_data" if edit == "rename" else f"{instance}_redis_data", 1)
        self.volume = platform.volume(name, spec, self.guarded())
        if edit != "rename":
            self.container("redis", ["true"])
        if edit == "cleaner":
            self.container("cleaner", ["sh", "-c", "rm -rf /data/*"])
        if edit == "bind":
            docker.Container(
                "cleaner",
                image=image,
                volumes=[docker.ContainerVolumeArgs(host_path="/var/lib/docker/volumes", container_path="/all")],
                command=["true"],
                must_run=False,
                opts=self.child(),
            )
        self.register_outputs({})

    def container(self, name: str, argv: list[str]) -> None:
        """Runs once, with the volume."""
        mount = docker.ContainerVolumeArgs(volume_name=self.volume.name, container_path="/data")
        docker.Container(
            name,
            name=f"{instance}-{name}",
            image=image,
            command=argv,
            entrypoints=[],
            volumes=[mount],
            must_run=False,
            attach=True,
            network_mode="none",
            opts=self.child(),
        )

    def guarded(self) -> pulumi.ResourceOptions:
        """The product's options, less what a case leaves out."""
        options = self.data()
        if "protect" in without:
            options.protect = False
        if "retain" in without:
            options.retain_on_delete = False
        if "hook" in without:
            options.hooks = None
        return options


class LookAlike(pulumi.ComponentResource):
    """Called as what owns reviewed commands."""

    def __init__(self, line: str) -> None:
        super().__init__("langfuse-stack:fly:App", "look-alike")
        removed = f"docker rm -f {instance}-redis; docker volume rm {instance}_redis_data"
        command.local.Command(
            "look-alike", create=line or removed, stdin="{}", opts=pulumi.ResourceOptions(parent=self)
        )


register_delete_hook()
if edit != "remove":
    Redis()
if edit in {"look-alike", "reviewed command"}:
    LookAlike("python3 -m platforms.fly app" if edit == "reviewed command" else "")

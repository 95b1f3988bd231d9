"""Data of every kind, with nothing that protects it; what happens to it is a setting."""

import json
import os

import pulumi
import pulumi_command as command
import pulumi_docker as docker
import pulumi_random as random
from store import Bucket, LangfuseSchema  # type: ignore[import-not-found]  # beside this file

config = pulumi.Config()
edit = os.environ.get("EDIT", "none")
instance = config.require("instance")


class Part(pulumi.ComponentResource):
    """Owns data."""

    def __init__(self, token: str, name: str, parent: pulumi.Resource | None = None) -> None:
        super().__init__(f"langfuse-stack:{token}", name, opts=pulumi.ResourceOptions(parent=parent))

    @property
    def owns(self) -> pulumi.ResourceOptions:
        """Options of what is inside."""
        return pulumi.ResourceOptions(parent=self)


def store() -> None:
    """A volume on Docker, a bucket, a schema and a secret."""
    part = Part("index:Minio" if edit != "move" else "index:Elsewhere", "minio")
    if edit != "remove volume":
        docker.Volume(
            "minio-data-2" if edit == "rename declaration" else "minio-data",
            name=f"{instance}_other" if edit == "rename volume" else f"{instance}_minio_data",
            driver="other" if edit == "change driver" else "local",
            opts=pulumi.ResourceOptions(
                parent=part,
                provider=docker.Provider("another") if edit == "another provider" else None,
            ),
        )
    if edit == "one more volume":
        docker.Volume("more-data", name=f"{instance}_more_data", driver="local", opts=part.owns)
    if edit == "volume under two names":
        docker.Volume("minio-data-2", name=f"{instance}_minio_data", driver="local", opts=part.owns)
    if edit != "remove bucket":
        Bucket("bucket-events", {"name": "other" if edit == "rename bucket" else "events"}, part.owns)
    schema = "langfuse2" if edit == "rename schema" else "langfuse"
    LangfuseSchema("langfuse-schema", {"schema": schema, "role": "langfuse"}, part.owns)
    keepers = {"again": "please"} if edit == "regenerate salt" else None
    random.RandomBytes("salt", length=16 if edit == "shorten salt" else 32, keepers=keepers, opts=part.owns)


def fly() -> None:
    """A volume on Fly."""
    volume = Part("fly:Volume", "clickhouse-data", Part("index:ClickHouse", "clickhouse"))
    request = {
        "app": "an-app",
        "name": "data",
        "region": "ams" if edit == "change region" else "ord",
        "size_gb": {"shrink": 10, "grow": 50}.get(edit, 25),
    }
    command.local.Command("clickhouse-data", create="cat", stdin=json.dumps(request), opts=volume.owns)


if edit != "remove component":
    store()
fly()

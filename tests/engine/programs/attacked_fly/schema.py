"""A database schema that can really be lost: it is a folder, and deleting the resource empties it."""

import os
import shutil
from pathlib import Path
from typing import Any

import pulumi
from pulumi import dynamic

DATA = "ATTACKED_DATA"
"""Variable that names the folder of all schemas."""


class SchemaProvider(dynamic.ResourceProvider):
    """Makes a folder, and removes it with everything in it."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        _folder(props).mkdir(exist_ok=True)
        return dynamic.CreateResult(props["schema"], props)

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
        other = olds.get("schema") != news.get("schema")
        return dynamic.DiffResult(changes=other, replaces=["schema"] if other else [], stables=[])

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        shutil.rmtree(_folder(props), ignore_errors=True)


def _folder(props: dict[str, Any]) -> Path:
    return Path(os.environ[DATA], str(props["schema"]))


class LangfuseSchema(dynamic.Resource, module="checks", name="LangfuseSchema"):
    """As the product's, to the engine, the pack and the gate."""

    def __init__(self, name: str, schema: str, opts: pulumi.ResourceOptions) -> None:
        super().__init__(SchemaProvider(), name, {"schema": schema, "role": "langfuse"}, opts)

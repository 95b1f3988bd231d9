"""Data that can really be lost: a bucket is a folder, and deleting the resource empties it."""

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pulumi
from pulumi import dynamic

from checks.base import CheckFailedError, CheckProvider, CheckResource, Evidence, Inputs

DATA = "ATTACKED_DATA"
"""Variable that names the folder of all buckets."""


class BucketProvider(dynamic.ResourceProvider):
    """Makes a folder, and removes it with everything in it."""

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        _folder(props).mkdir(exist_ok=True)
        return dynamic.CreateResult(props["name"], props)

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
        moved = [key for key in ("name", "region") if olds.get(key) != news.get(key)]
        return dynamic.DiffResult(
            changes=bool(moved), replaces=moved, delete_before_replace=bool(news.get("hasty")), stables=[]
        )

    def read(self, id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
        return dynamic.ReadResult(id_ if _folder(props).exists() else "", props)

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        shutil.rmtree(_folder(props), ignore_errors=True)


def _folder(props: dict[str, Any]) -> Path:
    return Path(os.environ[DATA], str(props["name"]))


class Bucket(dynamic.Resource, module="checks", name="Bucket"):
    """A bucket called as the product's."""

    def __init__(self, name: str, inputs: Inputs, opts: pulumi.ResourceOptions) -> None:
        super().__init__(BucketProvider(), name, dict(inputs), opts)


class MigrationProvider(dynamic.ResourceProvider):
    """What a new release does to the data when it starts: here, it removes all of it."""

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        shutil.rmtree(_folder(props))
        return dynamic.CreateResult(props["name"], props)


class Migration(dynamic.Resource, module="checks", name="Migration"):
    """Runs behind a gate."""

    def __init__(self, name: str, inputs: Inputs, opts: pulumi.ResourceOptions) -> None:
        super().__init__(MigrationProvider(), name, dict(inputs), opts)


class GateProvider(CheckProvider):
    """Open, unless it is told that what it watches must not start."""

    label = "gate test"
    keys = ("watch",)

    def probe(self, inputs: Inputs) -> Evidence:
        if inputs["watch"] == "destructive":
            raise CheckFailedError("migrations", "DROP TABLE traces", "name another release", final=True)
        if inputs["watch"] == "paused":
            time.sleep(60)
        return {"watch": inputs["watch"]}


class Gate(CheckResource, module="checks", name="Test"):
    """Stands on a bucket."""

    provider = GateProvider

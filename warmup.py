"""Imported next: has the engine start its plugins while Python still imports the program.

Otherwise the engine starts each one when the first resource of its kind arrives, one after the other, and the program
waits. In a preview that changes nothing that is a sixth of the time. An update waits until its settings have been read:
one that cannot be made leaves nothing behind, not even a provider.
"""

import threading
from importlib import metadata

import grpc  # type: ignore[import-untyped]
import pulumi
from pulumi.runtime.proto.resource_pb2 import ResourceInvokeRequest
from pulumi.runtime.proto.resource_pb2_grpc import ResourceMonitorStub
from pulumi.runtime.settings import get_monitor

PACKAGES = {"docker": ("random", "docker"), "fly": ("random", "command")}
"""Platform to the packages that every stack on it uses, each a default provider of the version that Python has."""
DYNAMIC = "pulumi-python"
"""Package of the gates; it has no version."""


def start(monitor: ResourceMonitorStub, package: str, package_version: str) -> None:
    """Have the engine start a package's default provider: it does so for any function, and there is none of this name.

    If that goes wrong, it does so again for the program, which says it.
    """
    try:
        monitor.Invoke(ResourceInvokeRequest(tok=f"{package}:index:start", version=package_version))
    except grpc.RpcError:
        return


def start_all(monitor: ResourceMonitorStub) -> None:
    """Start what the stack's platform needs, all at once."""
    platform = pulumi.Config("langfuse-stack").get("platform", "docker")
    versions = {package: metadata.version(f"pulumi_{package}") for package in PACKAGES.get(platform, ())}
    for package, package_version in {**versions, DYNAMIC: ""}.items():
        threading.Thread(target=start, args=(monitor, package, package_version), daemon=True).start()


def begin(*, updates: bool) -> None:
    """Start the plugins; does nothing where no engine runs the program.

    Args:
        updates: in an update, rather than in a preview.
    """
    if pulumi.runtime.is_dry_run() is not updates and isinstance(engine := get_monitor(), ResourceMonitorStub):
        start_all(engine)


begin(updates=False)

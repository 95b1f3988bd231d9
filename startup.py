"""Imported first: what makes a run of the program start faster, since it lives for a second or two.

- Cycles are not collected, and the SDK's unread debug lines are not sent: a tenth of the processor time of a preview
  that changes nothing.
- The plugins start while Python still imports the program: a sixth of that preview's time. Otherwise the engine starts
  each one when the first resource of its kind arrives, one after the other, and the program waits.
"""

import gc
import os
import threading
from importlib import metadata

import grpc  # type: ignore[import-untyped]
import pulumi
from pulumi.runtime.proto.resource_pb2 import ResourceInvokeRequest
from pulumi.runtime.proto.resource_pb2_grpc import ResourceMonitorStub
from pulumi.runtime.settings import get_monitor

from platforms.facts import FACTS

KEEP_DEBUG_VARIABLE = "LANGFUSE_STACK_DEBUG"
"""Set it to see the SDK's own debug lines under `pulumi up --debug`."""
DYNAMIC = "pulumi-python"
"""Package of the gates; it has no version."""

# Cycles are not worth collecting in so short a life, and imports alone set off many collections.
gc.disable()

if KEEP_DEBUG_VARIABLE not in os.environ:
    # The SDK sends each of its debug lines, four a resource, as a blocking call, whether anybody reads it or not.
    pulumi.log.debug = lambda *_arguments, **_options: None


def start_plugins(*, updates: bool) -> None:
    """Have the engine start the plugins that the stack's platform needs; does nothing where no engine runs the program.

    An update waits until its settings have been read: one that cannot be made leaves nothing behind, not even a
    provider.

    Args:
        updates: in an update, rather than in a preview.
    """
    if pulumi.runtime.is_dry_run() is updates or not isinstance(engine := get_monitor(), ResourceMonitorStub):
        return
    facts = FACTS.get(pulumi.Config("langfuse-stack").get("platform", "docker"))
    versions = {package: metadata.version(f"pulumi_{package}") for package in (facts.providers if facts else ())}
    for package, package_version in {**versions, DYNAMIC: ""}.items():
        threading.Thread(target=_start, args=(engine, package, package_version), daemon=True).start()


def _start(monitor: ResourceMonitorStub, package: str, package_version: str) -> None:
    """Start a package's default provider: the engine does so for any function, and there is none of this name.

    If that goes wrong, the engine tries again for the program, which shows the error.
    """
    try:
        monitor.Invoke(ResourceInvokeRequest(tok=f"{package}:index:start", version=package_version))
    except grpc.RpcError:
        return

"""What every component shares: its token, its children's options, and the one way to declare data."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import pulumi

from checks.base import CheckResource, Inputs
from platforms.spec import Address, Service, tunnels

PROJECT = str(Path(__file__).resolve().parent.parent)
PACKAGE = "langfuse-stack:index"
DELETE_HOOK = "refuse-to-delete-data"
START_SECONDS = 120
"""How long what must be proven before a start may take to become true."""


class DataDeletionRefusedError(Exception):
    """Somebody tried to delete or replace a resource that holds data."""


def _refuse(args: pulumi.ResourceHookArgs) -> None:
    raise DataDeletionRefusedError(
        f"{args.name} ({args.type}) holds data and is never deleted or replaced by this program. "
        "Put its declaration back under the same name and settings; docs/data-safety.md has the sanctioned ways."
    )


_delete_hook: pulumi.ResourceHook | None = None


def register_delete_hook() -> pulumi.ResourceHook:
    """The hook that refuses the deletion of data, in previews too; registered once a run.

    `__main__.py` calls it first, so that it is known even to a program from which all data was removed.
    """
    global _delete_hook  # noqa: PLW0603 - the engine accepts one registration a name and run
    if _delete_hook is None:
        _delete_hook = pulumi.ResourceHook(DELETE_HOOK, _refuse, opts=pulumi.ResourceHookOptions(on_dry_run=True))
    return _delete_hook


def data_options(
    parent: pulumi.Resource,
    depends_on: Sequence[pulumi.Resource] = (),
) -> pulumi.ResourceOptions:
    """Options of every resource that holds data, or opens it: the only place that sets them.

    Args:
        parent: the component that owns the data.
        depends_on: gates that must be proven first.
    """
    return pulumi.ResourceOptions(
        parent=parent,
        depends_on=list(depends_on),
        protect=True,
        retain_on_delete=True,
        hooks=pulumi.ResourceHookBinding(before_delete=[register_delete_hook()]),
    )


def proven_before_start(name: str, gate: type[CheckResource], inputs: Inputs) -> pulumi.ResourceOptions:
    """Options of a service whose every start runs a gate first, whatever makes it start.

    The gate's own resource runs when its inputs change. A store that was put back, or a container that was lost,
    changes none of them.

    Args:
        name: of the hook.
        gate: what it proves.
        inputs: what it looks at.
    """
    known = pulumi.Output.all(**inputs, deadline_seconds=START_SECONDS)

    async def run_gate(_args: pulumi.ResourceHookArgs) -> None:
        # Hooks run when the program's body has ended, and its folder is no longer where Python looks for modules.
        if PROJECT not in sys.path:
            sys.path.append(PROJECT)
        await asyncio.to_thread(gate.provider().run, await known.future() or {})

    hook = pulumi.ResourceHook(name, run_gate)
    return pulumi.ResourceOptions(hooks=pulumi.ResourceHookBinding(before_create=[hook], before_update=[hook]))


def tunnel_inputs(*addresses: Address) -> Inputs:
    """The input of a check that names the tunnels to these addresses; nothing where it needs none."""
    commands = tunnels(*addresses)
    return {"tunnels": commands} if commands else {}


class Component(pulumi.ComponentResource):
    """A part of the stack. Its token is `langfuse-stack:index:<class name>`.

    Args:
        name: logical name; children are called `<name>-…` or `<name>`.
        after: gates that must be proven before anything of this component starts.
    """

    def __init__(self, name: str, after: Sequence[pulumi.Resource] = ()) -> None:
        super().__init__(f"{PACKAGE}:{type(self).__name__}", name)
        self._after = tuple(after)

    def gate(
        self,
        kind: type[CheckResource],
        name: str,
        service: Service,
        inputs: Inputs,
        *,
        after: Sequence[pulumi.Resource] = (),
        reach: Sequence[Address] = (),
    ) -> list[CheckResource]:
        """The gate that proves a running service and re-runs when it is replaced; none while the stack is stopped.

        Args:
            kind: what it proves.
            name: its logical name.
            service: what it watches.
            inputs: what it looks at.
            after: what must be there first, beside the service.
            reach: addresses of other services that it talks to.
        """
        if service.resource is None:
            return []
        return [kind(name, _watched(service, inputs, *reach), self.child(after=[service.resource, *after]))]

    def stateful_gate(
        self,
        kind: type[CheckResource],
        name: str,
        service: Service,
        inputs: Inputs,
        after: Sequence[pulumi.Resource] = (),
    ) -> list[CheckResource]:
        """As `gate`, for one that tells its store from any other.

        It is declared while the stack is stopped too, and runs no check then: what it knows outlives `make down`.
        """
        running = [service.resource] if service.resource else []
        proof = kind(name, _watched(service, inputs), self.child(after=[*running, *after]))
        return [proof] if running else []

    def child(self, *, after: Sequence[pulumi.Resource] = ()) -> pulumi.ResourceOptions:
        """Options of a child that holds no data."""
        return pulumi.ResourceOptions(parent=self, depends_on=[*self._after, *after])

    def data(self, *, after: Sequence[pulumi.Resource] = ()) -> pulumi.ResourceOptions:
        """Options of a child that holds data."""
        return data_options(self, [*self._after, *after])


def _watched(service: Service, inputs: Inputs, *reach: Address) -> Inputs:
    """The inputs of a gate, with the service it watches, the tunnels to it and where its log is."""
    known = {"logs": service.logs, "restarts": service.restarts} if service.resource else {}
    commands = {name: list(argv) for name, argv in known.items() if argv}
    return {**inputs, "watch": service.identity, **tunnel_inputs(*service.addresses.values(), *reach), **commands}

"""Fly.io: one app a service, private unless it is named as public, with one machine a replica.

Every step is a command that lists, compares, and adopts or creates (`python3 -m platforms.fly`). None has a delete
command: what the program no longer declares is forgotten by the engine and left alone by Fly.
"""

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_command import local

from platforms.fly.action import answered
from platforms.fly.apps import OWNER_VARIABLE
from platforms.fly.argv import BALANCED, INTERNAL, Command, tunnel
from platforms.fly.toml import MAX_KILL_TIMEOUT, Guest, document
from platforms.spec import (
    OPERATORS_MACHINE,
    Address,
    Service,
    ServiceSpec,
    UnsupportedError,
    Volume,
    VolumeSpec,
    reject_overlap,
)
from urls import is_loopback

PYTHON = "python3"
"""Found on the PATH, as the engine finds the program's own: a path would be another one on the next machine."""
DataOptions = Callable[[pulumi.Resource, Sequence[pulumi.Resource]], pulumi.ResourceOptions]


@dataclass(frozen=True)
class FlyArgs:
    """What makes one stack's Fly differ from another's."""

    organization: str
    region: str
    apps: Callable[[str], str]
    """Service to app."""
    machines: Callable[[str], Guest]
    """Service to size."""
    public: Sequence[str]
    """Services with an address on the internet."""
    snapshot_retention: int
    """Days."""
    owner: pulumi.Output[str]
    """Id of the stack, which marks its apps."""
    secrets_key: pulumi.Output[str]
    """Keys the hashes by which a changed secret is noticed (secret)."""
    running: bool
    """`False` stops every machine; apps, secrets and volumes stay."""


@dataclass(frozen=True)
class _Declared(Volume):
    """A volume that is made together with the app that mounts it."""

    logical_name: str
    spec: VolumeSpec
    opts: pulumi.ResourceOptions


class _Part(pulumi.ComponentResource):
    """Says what kind of thing the one command below it takes care of."""

    def __init__(self, kind: str, name: str, parent: pulumi.Resource | None) -> None:
        super().__init__(f"langfuse-stack:fly:{kind}", name, opts=pulumi.ResourceOptions(parent=parent))


class FlyPlatform:
    """Renders a service as app, staged secrets, volume and deployment, in this order; what it lacks is left out.

    Args:
        args: see `FlyArgs`.
        data: options of what holds data, from its parent and what it waits for.
    """

    bind_address = "::"
    replicates = True

    def __init__(self, args: FlyArgs, data: DataOptions) -> None:
        self._args = args
        self._data = data

    def volume(self, logical_name: str, spec: VolumeSpec, opts: pulumi.ResourceOptions) -> Volume:
        """A volume, made once the app that mounts it has its secrets."""
        return _Declared(pulumi.Output.from_input(spec.name), logical_name, spec, opts)

    def service(self, logical_name: str, spec: ServiceSpec, opts: pulumi.ResourceOptions) -> Service:
        """An app with one machine a replica.

        Raises:
            UnsupportedError: more than one volume, replicas that share one, no port, a stop that takes too long, or
                public data.
        """
        reject_overlap(spec)
        self._reject_unsupported(spec)
        args, app = self._args, self._args.apps(spec.name)
        size, public = args.machines(spec.name), spec.name in args.public
        # For a public app Fly balances at its public address.
        balanced = spec.balanced and spec.replicas > 1 and not public
        steps = _Steps(logical_name, opts)
        steps.add(
            "App",
            "app",
            {"app": app, "org": args.organization, "private": not public},
            data=self._data,
            environment={OWNER_VARIABLE: args.owner},
        )
        files = {file.path: file.content for file in spec.files if not isinstance(file.content, str)}
        encoded = {_secret_name(path): pulumi.Output.concat(content).apply(_base64) for path, content in files.items()}
        values = {**spec.secret_env, **encoded}
        names: pulumi.Input[Any] = {}
        if values:
            staged = steps.add(
                "Secrets", "secrets", {"app": app, "values": values, "hmac_key": args.secrets_key}, secret=True
            )
            names = staged.stdout.apply(lambda text: answered(text).get("names", {}))
        mount, held = self._volume(app, spec, size, steps)
        toml = document(
            spec,
            app,
            args.region,
            size,
            mount=mount,
            secret_files={path: _secret_name(path) for path in files},
            public_port=spec.ports[0].number if public else None,
            balanced=balanced,
        )
        deployment = {
            "app": app,
            "region": args.region,
            "image": spec.image,
            "toml": toml,
            "volume": held,
            "secrets": names,
            "data": bool(spec.mounts),
            "replicas": spec.replicas,
            "want": "started" if args.running else "stopped",
        }
        deploy = steps.add("Service", "deploy", deployment, opts=opts, secret=True)
        host = app + (BALANCED if balanced else INTERNAL)
        return Service(
            spec.name,
            {port.name: _address(app, port.number, host) for port in spec.ports},
            resource=deploy if args.running else None,
            version=pulumi.Output.unsecret(deploy.stdout.apply(_release)),
            logs=("fly", *Command("logs", app=app).words),
        )

    def internal(self, service: str, port: int) -> str:
        """An app's name is its address on the private network."""
        return f"{self._args.apps(service)}{INTERNAL}:{port}"

    def unreachable(self, host: str) -> str:
        """Nothing on Fly reaches the operator's machine."""
        if not (is_loopback(host) or host == OPERATORS_MACHINE):
            return ""
        return f"{host} is not on Fly: write an address that Fly's machines reach, such as one on the internet"

    def external(self, host: str, port: int) -> Address:
        """A server of the same private network is reached through its app, any other one as it is."""
        if reason := self.unreachable(host):
            raise UnsupportedError(f"{host}:{port}: {reason}")
        if host.endswith(INTERNAL):
            return _address(host.removesuffix(INTERNAL).rpartition(".")[2], port, host)
        return Address(f"{host}:{port}", f"{host}:{port}")

    def _reject_unsupported(self, spec: ServiceSpec) -> None:
        reasons = {
            f"{spec.replicas} replicas of a volume, which one machine has": spec.replicas != 1 and spec.mounts,
            f"{len(spec.mounts)} volumes, a Fly machine has at most 1": len(spec.mounts) > 1,
            "no port, and Fly watches a service through one": not spec.ports,
            f"{spec.stop_grace} s to stop, Fly waits at most {MAX_KILL_TIMEOUT} s": spec.stop_grace > MAX_KILL_TIMEOUT,
            f"public: {spec.name} holds data, take it out of fly:public": spec.mounts
            and spec.name in self._args.public,
        }
        if any(reasons.values()):
            raise UnsupportedError(f"service {spec.name}: {'; '.join(why for why, holds in reasons.items() if holds)}")

    def _volume(
        self, app: str, spec: ServiceSpec, size: Guest, steps: "_Steps"
    ) -> tuple[Mapping[str, Any] | None, pulumi.Input[Any]]:
        """The `[[mounts]]` of a service, and name and id of the volume behind it; None for both without one."""
        for mount in spec.mounts:
            volume = mount.volume
            if not isinstance(volume, _Declared):
                raise UnsupportedError(f"service {spec.name}: its volume was declared on another platform")
            name, gigabytes, retention = volume.spec.name, volume.spec.size_gb, self._args.snapshot_retention
            request = {
                "app": app,
                "name": name,
                "region": self._args.region,
                "size_gb": gigabytes,
                "snapshot_retention": retention,
                "guest": size.model_dump(),
            }
            made = steps.add("Volume", "volume", request, name=volume.logical_name, opts=volume.opts)
            return {
                "source": name,
                "destination": mount.path,
                "initial_size": f"{gigabytes}gb",
                "snapshot_retention": retention,
            }, made.stdout.apply(lambda text: _picked(text, "name", "id"))
        return None, None


class _Steps:
    """The commands of one service, each after the one before.

    Args:
        logical_name: the service's.
        opts: its component, and what must be proven first.
    """

    def __init__(self, logical_name: str, opts: pulumi.ResourceOptions) -> None:
        self._name, self._parent = logical_name, opts.parent
        listed: Any = opts.depends_on
        self._after: list[pulumi.Resource] = list(listed or [])

    def add(
        self,
        kind: str,
        action: str,
        request: Mapping[str, Any],
        *,
        name: str = "",
        opts: pulumi.ResourceOptions | None = None,
        data: DataOptions | None = None,
        secret: bool = False,
        environment: Mapping[str, pulumi.Input[str]] | None = None,
    ) -> local.Command:
        """A command, named after the service and the action unless it has a name and options of its own."""
        name = name or f"{self._name}-{action}"
        part = _Part(kind, name, self._parent)
        own = data(part, self._after) if data else pulumi.ResourceOptions(parent=part, depends_on=self._after)
        text = pulumi.Output.json_dumps(request, sort_keys=True) if secret else json.dumps(request, sort_keys=True)
        command = local.Command(
            name,
            create=f"{PYTHON} -m platforms.fly {action}",
            stdin=pulumi.Output.secret(text) if secret else text,
            environment=environment,
            logging=local.Logging.STDERR,
            opts=pulumi.ResourceOptions.merge(
                pulumi.ResourceOptions.merge(opts, own),
                pulumi.ResourceOptions(additional_secret_outputs=["stdout", "stderr"] if secret else None),
            ),
        )
        self._after = [command]
        return command


def _address(app: str, port: int, host: str) -> Address:
    return Address(f"{host}:{port}", f"{host}:{port}", tunnel(app, port))


def _secret_name(path: str) -> str:
    return f"FILE_{re.sub('[^A-Z0-9]+', '_', path.upper()).strip('_')}"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _picked(text: str | None, *names: str) -> dict[str, Any]:
    answer = answered(text)
    return {name: answer[name] for name in names if name in answer}


def _release(text: str | None) -> str:
    """What tells one deployment from the next."""
    return "/".join(str(value) for value in _picked(text, "machine", "release", "config_sha256", "image").values())

"""Fly.io: one app a service, private unless it is named as public, with one machine a replica.

Every step is a command that lists, compares, and adopts or creates (`python3 -m platforms.fly`). None has a delete
command: what the program no longer declares is forgotten by the engine and left alone by Fly.
"""

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pulumi
from pulumi_command import local

from platforms.fly.argv import BALANCED, INTERNAL, logs, tunnel
from platforms.fly.ownership import OWNER_VARIABLE
from platforms.fly.render import Facts, Mounted, SecretFile, document
from platforms.fly.toml import LONGEST_KILL_TIMEOUT
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


@dataclass(frozen=True)
class Machine:
    """Size of a service's machine; memory in MB."""

    cpu_kind: str
    cpus: int
    memory_mb: int


@dataclass(frozen=True)
class FlyArgs:
    """What makes one stack's Fly differ from another's."""

    organization: str
    region: str
    apps: Callable[[str], str]
    """Service to app."""
    machines: Callable[[str], Machine]
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


STARTING = "Service"
"""The part that starts a service, and so has what its component wants before a start."""


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

    def __init__(
        self,
        args: FlyArgs,
        data: Callable[[pulumi.Resource, Sequence[pulumi.Resource]], pulumi.ResourceOptions],
    ) -> None:
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
        app = self._args.apps(spec.name)
        parts = _Parts(logical_name, opts)
        owner = {OWNER_VARIABLE: self._args.owner}
        parts.add("App", "app", self._app_request(app, spec), self._data, environment=owner)
        wanted = self._secrets_request(app, spec)
        secrets = parts.add("Secrets", "secrets", wanted, secret=True) if wanted["values"] else None
        volume = self._volume(app, spec, parts)
        deploy = parts.add("Service", "deploy", self._deploy_request(app, spec, secrets, volume), secret=True)
        suffix = BALANCED if self._balanced(spec) else INTERNAL
        return Service(
            spec.name,
            {port.name: self._address(app, port.number, app + suffix) for port in spec.ports},
            resource=deploy if self._args.running else None,
            version=pulumi.Output.unsecret(deploy.stdout.apply(_release)),
            logs=("fly", *logs(app).words),
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
            return self._address(host.removesuffix(INTERNAL).rpartition(".")[2], port, host)
        return Address(f"{host}:{port}", f"{host}:{port}")

    def _address(self, app: str, port: int, host: str) -> Address:
        name = f"{host}:{port}"
        return Address(name, name, tunnel(app, port))

    def _balanced(self, spec: ServiceSpec) -> bool:
        """Whether Fly balances calls of the private network; for a public app it does so at its public address."""
        return spec.balanced and spec.replicas > 1 and spec.name not in self._args.public

    def _reject_unsupported(self, spec: ServiceSpec) -> None:
        reasons = [
            *(
                [f"{spec.replicas} replicas of a volume, which one machine has"]
                * (spec.replicas != 1 and bool(spec.mounts))
            ),
            *([f"{len(spec.mounts)} volumes, a Fly machine has at most 1"] * (len(spec.mounts) > 1)),
            *(["no port, and Fly watches a service through one"] * (not spec.ports)),
            *(
                [f"{spec.stop_grace} s to stop, Fly waits at most {LONGEST_KILL_TIMEOUT} s"]
                * (spec.stop_grace > LONGEST_KILL_TIMEOUT)
            ),
            *(
                [f"public: {spec.name} holds data, take it out of fly:public"]
                * (bool(spec.mounts) and spec.name in self._args.public)
            ),
        ]
        if reasons:
            raise UnsupportedError(f"service {spec.name}: {'; '.join(reasons)}")

    def _app_request(self, app: str, spec: ServiceSpec) -> Mapping[str, Any]:
        return {"app": app, "org": self._args.organization, "private": spec.name not in self._args.public}

    def _secrets_request(self, app: str, spec: ServiceSpec) -> Mapping[str, Any]:
        values: dict[str, pulumi.Input[str]] = dict(spec.secret_env)
        for file in spec.files:
            if not isinstance(file.content, str):
                content: pulumi.Output[str] = pulumi.Output.from_input(file.content)
                values[_secret_name(file.path)] = content.apply(_base64)
        return {"app": app, "values": values, "hmac_key": self._args.secrets_key}

    def _volume(self, app: str, spec: ServiceSpec, parts: "_Parts") -> local.Command | None:
        for mount in spec.mounts:
            volume = mount.volume
            if not isinstance(volume, _Declared):
                raise UnsupportedError(f"service {spec.name}: its volume was declared on another platform")
            request = {
                "app": app,
                "name": volume.spec.name,
                "region": self._args.region,
                "size_gb": volume.spec.size_gb,
                "snapshot_retention": self._args.snapshot_retention,
                "guest": asdict(self._args.machines(spec.name)),
            }
            return parts.add_named("Volume", volume.logical_name, "volume", request, volume.opts)
        return None

    def _deploy_request(
        self, app: str, spec: ServiceSpec, secrets: local.Command | None, volume: local.Command | None
    ) -> Mapping[str, Any]:
        size = self._args.machines(spec.name)
        facts = Facts(
            app=app,
            region=self._args.region,
            memory_mb=size.memory_mb,
            cpus=size.cpus,
            cpu_kind=size.cpu_kind,
            public_port=spec.ports[0].number if spec.name in self._args.public else None,
            balanced=self._balanced(spec),
            mount=self._mounted(spec),
            files={
                file.path: SecretFile(_secret_name(file.path)) for file in spec.files if not _is_plain(file.content)
            },
        )
        return {
            "app": app,
            "region": self._args.region,
            "image": spec.image,
            "toml": document(spec, facts),
            "volume": volume.stdout.apply(lambda text: _picked(text, "name", "id")) if volume else None,
            "secrets": secrets.stdout.apply(lambda text: _answer(text).get("names", {})) if secrets else {},
            "data": bool(spec.mounts),
            "replicas": spec.replicas,
            "want": "started" if self._args.running else "stopped",
        }

    def _mounted(self, spec: ServiceSpec) -> Mounted | None:
        for mount in spec.mounts:
            volume = mount.volume
            if isinstance(volume, _Declared):
                return Mounted(volume.spec.name, mount.path, volume.spec.size_gb, self._args.snapshot_retention)
        return None


class _Parts:
    """The commands of one service, each after the one before.

    Args:
        logical_name: the service's.
        opts: its component, and what must be proven first.
    """

    def __init__(self, logical_name: str, opts: pulumi.ResourceOptions) -> None:
        self._name = logical_name
        self._parent, self._opts = opts.parent, opts
        self._after: list[pulumi.Resource] = _listed(opts.depends_on)

    def add(
        self,
        kind: str,
        action: str,
        request: Mapping[str, Any],
        data: Callable[[pulumi.Resource, Sequence[pulumi.Resource]], pulumi.ResourceOptions] | None = None,
        *,
        secret: bool = False,
        environment: Mapping[str, pulumi.Input[str]] | None = None,
    ) -> local.Command:
        """A command named after the service and the action."""
        name = f"{self._name}-{action}"
        part = _Part(kind, name, self._parent)
        own = pulumi.ResourceOptions(parent=part, depends_on=self._after)
        opts = data(part, self._after) if data else own
        if kind == STARTING:
            opts = pulumi.ResourceOptions.merge(self._opts, own)
        return self._command(name, action, request, opts, secret=secret, environment=environment)

    def add_named(
        self, kind: str, name: str, action: str, request: Mapping[str, Any], opts: pulumi.ResourceOptions
    ) -> local.Command:
        """A command with a name and options of its own."""
        part = _Part(kind, name, self._parent)
        own = pulumi.ResourceOptions(parent=part, depends_on=self._after)
        return self._command(name, action, request, pulumi.ResourceOptions.merge(opts, own), secret=False)

    def _command(
        self,
        name: str,
        action: str,
        request: Mapping[str, Any],
        opts: pulumi.ResourceOptions,
        *,
        secret: bool,
        environment: Mapping[str, pulumi.Input[str]] | None = None,
    ) -> local.Command:
        stdin: pulumi.Input[str] = (
            pulumi.Output.secret(pulumi.Output.json_dumps(request, sort_keys=True))
            if secret
            else json.dumps(request, sort_keys=True)
        )
        command = local.Command(
            name,
            create=f"{PYTHON} -m platforms.fly {action}",
            stdin=stdin,
            environment=environment,
            logging=local.Logging.STDERR,
            opts=pulumi.ResourceOptions.merge(
                opts,
                pulumi.ResourceOptions(additional_secret_outputs=["stdout", "stderr"] if secret else None),
            ),
        )
        self._after = [command]
        return command


def _listed(depends_on: Any) -> list[pulumi.Resource]:
    return list(depends_on or [])


def _is_plain(content: pulumi.Input[str]) -> bool:
    return isinstance(content, str)


def _secret_name(path: str) -> str:
    return f"FILE_{re.sub('[^A-Z0-9]+', '_', path.upper()).strip('_')}"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _answer(text: str | None) -> dict[str, Any]:
    """What an action answered; empty where there is none, as in a recorded run without an engine."""
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _picked(text: str | None, *names: str) -> dict[str, Any]:
    answer = _answer(text)
    return {name: answer[name] for name in names if name in answer}


def _release(text: str | None) -> str:
    """What tells one deployment from the next."""
    return "/".join(str(value) for value in _picked(text, "machine", "release", "config_sha256", "image").values())

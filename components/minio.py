"""MinIO: a volume, versioned buckets, an application key that cannot remove them, and the gate that proves it."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from checks.backup_key import BackupKey
from checks.base import CheckResource
from checks.bucket import AppKey, Bucket, ObjectStoreGate
from checks.s3 import REGION
from components.base import Component, ways
from components.proxy import Behind, proxy
from components.releases import Image
from platforms.spec import Address, ExecProbe, HealthSpec, Metrics, Mount, Platform, Port, ServiceSpec, VolumeSpec

ROOT_USER = "langfuse-root"
APP_USER = "langfuse-app"
"""The application's user before its key was ever rotated."""
BACKUP_USER = "langfuse-backup"
BACKUP_BUCKET = "langfuse-backups"
SERVICE = "minio"
MEDIA = "media"
API_PORT = 9000
CONSOLE_PORT = 9001
METRICS = Metrics(API_PORT, "/minio/v2/metrics/cluster")


def app_user(generation: int) -> str:
    """The application's user while its key is in that generation."""
    return APP_USER if generation == 1 else f"{APP_USER}-{generation}"


@dataclass(frozen=True)
class Buckets:
    """Names of the buckets, one for each kind of object."""

    events: str = "langfuse-events"
    media: str = "langfuse-media"
    exports: str = "langfuse-exports"

    @property
    def names(self) -> list[str]:
        """All of them."""
        return [self.events, self.media, self.exports]


@dataclass(frozen=True)
class MinioArgs:
    """What makes one stack's MinIO differ from another's."""

    image: Image
    root_user: str
    root_password: pulumi.Output[str]
    app_secret_key: pulumi.Output[str]
    app_generation: int
    """Of the application's key; 1 before it was ever rotated."""
    app_accepted_from: int
    """Oldest generation of that key whose user may still come in."""
    backup_secret_key: pulumi.Output[str]
    volume: VolumeSpec
    deletions: bool
    """Whether the application may delete objects; an older version stays in any case."""
    api_port: int
    console_port: int
    metrics: bool
    """Whether it gives metrics to Prometheus."""
    media_proxy: Image | None
    """What gives links to media and exports a public address; `None` where they need none."""


class Minio(Component):
    """The object store that holds raw events, media and exports.

    Args:
        args: see `MinioArgs`.
        platform: where it runs.
        after: gates that must be proven first.
    """

    api: Address
    buckets = Buckets()
    region = REGION
    by_path = True
    prefix = ""
    access_key: str
    secret_key: pulumi.Output[str]
    gates: list[CheckResource]

    def __init__(self, args: MinioArgs, platform: Platform, after: Sequence[pulumi.Resource]) -> None:
        super().__init__("minio", after)
        volume = platform.volume("minio-data", args.volume, self.data())
        service = platform.service(
            "minio",
            ServiceSpec(
                name=SERVICE,
                image=args.image.image,
                command=(
                    "server",
                    "/data",
                    "--address",
                    f":{API_PORT}",
                    "--console-address",
                    f":{CONSOLE_PORT}",
                ),
                ports=(
                    Port("api", API_PORT, args.api_port, "minio:apiPort"),
                    Port("console", CONSOLE_PORT, args.console_port, "minio:consolePort"),
                ),
                health=HealthSpec(ExecProbe(("mc", "ready", "local"))),
                stop_grace=30,
                # Sizes and counts, without a key to lose: the port is the private network's, and this machine's.
                env={
                    "MINIO_ROOT_USER": args.root_user,
                    **({"MINIO_PROMETHEUS_AUTH_TYPE": "public"} if args.metrics else {}),
                },
                secret_env={"MINIO_ROOT_PASSWORD": args.root_password},
                mounts=(Mount(volume, "/data"),),
                metrics=METRICS if args.metrics else None,
            ),
            self.child(),
        )
        self.api = service.addresses["api"]
        self.access_key, self.secret_key = app_user(args.app_generation), args.app_secret_key
        running = [service.resource] if service.resource else []
        root = {"endpoint": self.api.operator, "access_key": args.root_user, "secret_key": args.root_password}
        buckets = [
            Bucket(f"bucket-{name}", {**root, "name": name, **ways(self.api)}, self.data(after=running))
            for name in (*self.buckets.names, BACKUP_BUCKET)
        ]
        app = {
            "access_key": self.access_key,
            "secret_key": args.app_secret_key,
            "buckets": self.buckets.names,
            "deletions": args.deletions,
        }
        retired = [app_user(number) for number in range(1, args.app_accepted_from)]
        app_key = self.prove(
            AppKey,
            "minio-app-key",
            service,
            {
                "endpoint": self.api.operator,
                "root_user": args.root_user,
                "root_password": args.root_password,
                **app,
                **({"retired": retired} if retired else {}),
            },
        )
        self.gates = self.prove_data(
            ObjectStoreGate,
            "minio-gate",
            service,
            {
                "volume": args.volume.name,
                "server": args.image.server,
                "endpoint": self.api.operator,
                "root_user": args.root_user,
                **app,
            },
            after=[*buckets, *app_key],
        )
        self.gates += self.prove(
            BackupKey,
            "minio-backup-key",
            service,
            {
                "endpoint": self.api.operator,
                "internal": self.api.internal,
                "root_user": args.root_user,
                "root_password": args.root_password,
                "access_key": BACKUP_USER,
                "secret_key": args.backup_secret_key,
                "bucket": BACKUP_BUCKET,
                "data": self.buckets.names,
            },
            after=buckets,
        )
        if args.media_proxy:
            self._publish(args.media_proxy, platform, running)
        self.register_outputs({"api": self.api.operator})

    def _publish(self, image: Image, platform: Platform, after: Sequence[pulumi.Resource]) -> None:
        """The one way to the store from outside: links that Langfuse signed, to media and exports."""
        platform.service(
            MEDIA,
            proxy(
                MEDIA,
                "proxy/media.cfg",
                image,
                ports=(Port("http", API_PORT, None, "minio:publicUrl"),),
                behind=Behind((SERVICE,), check_port=API_PORT, standby=False),
                platform=platform,
                buckets="".join(f" /{bucket}/" for bucket in (self.buckets.media, self.buckets.exports)),
            ),
            self.child(after=after),
        )

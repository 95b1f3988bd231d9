"""MinIO: a volume, versioned buckets, an application key that cannot remove them, and the gate that proves it."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from checks.backup_key import BackupKey
from checks.base import CheckResource
from checks.bucket import AppKey, Bucket, ObjectStoreGate
from checks.s3 import REGION
from components.base import Component, tunnel_inputs
from components.context import Context
from components.proxy import Behind, proxy
from components.secrets import StackSecrets
from platforms.spec import Address, ExecProbe, HealthSpec, Metrics, Mount, Port, ServiceSpec, Volume
from settings import media_is_public

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


class Minio(Component):
    """The object store that holds raw events, media and exports.

    Args:
        context: the stack's.
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

    def __init__(self, context: Context, after: Sequence[pulumi.Resource]) -> None:
        super().__init__("minio", after)
        settings, secrets = context.settings, context.secrets
        spec = context.volume("minio", settings.minio.volume_gb)
        volume = context.platform.volume("minio-data", spec, self.data())
        root_user = context.vault.minio_root_user or ROOT_USER
        service = context.platform.service(SERVICE, _server(context, volume, root_user), self.child())
        self.api = service.addresses["api"]
        self.access_key = app_user(secrets.generation("minio-app-secret-key"))
        self.secret_key = secrets.minio_app_secret_key
        running = [service.resource] if service.resource else []
        root_password = secrets.minio_root_password
        root = {"endpoint": self.api.operator, "access_key": root_user, "secret_key": root_password}
        buckets = [
            Bucket(f"bucket-{name}", {**root, "name": name, **tunnel_inputs(self.api)}, self.data(after=running))
            for name in (*self.buckets.names, BACKUP_BUCKET)
        ]
        operator = {"endpoint": self.api.operator, "root_user": root_user}
        app = {
            "access_key": self.access_key,
            "secret_key": self.secret_key,
            "buckets": self.buckets.names,
            "deletions": settings.langfuse.deletions,
        }
        inputs = {**operator, "root_password": root_password, **app, **_retired(secrets)}
        app_key = self.gate(AppKey, "minio-app-key", service, inputs)
        self.gates = self.stateful_gate(
            ObjectStoreGate,
            "minio-gate",
            service,
            {"volume": spec.name, "server": context.images["minio"].server, **operator, **app},
            after=[*buckets, *app_key],
        )
        backup = {"access_key": BACKUP_USER, "secret_key": secrets.minio_backup_secret_key, "bucket": BACKUP_BUCKET}
        inputs = {**operator, "root_password": root_password, **backup}
        inputs |= {"internal": self.api.internal, "data": self.buckets.names}
        self.gates += self.gate(BackupKey, "minio-backup-key", service, inputs, after=buckets)
        if media_is_public(settings):
            self._publish(context, running)
        self.register_outputs({"api": self.api.operator})

    def _publish(self, context: Context, after: Sequence[pulumi.Resource]) -> None:
        """The one way to the store from outside: links that Langfuse signed, to media and exports."""
        context.platform.service(
            MEDIA,
            proxy(
                context,
                MEDIA,
                "proxy/media.cfg",
                ports=(Port("http", API_PORT, None, "minio:publicUrl"),),
                behind=Behind((SERVICE,), check_port=API_PORT, standby=False),
                buckets="".join(f" /{bucket}/" for bucket in (self.buckets.media, self.buckets.exports)),
            ),
            self.child(after=after),
        )


def _retired(secrets: StackSecrets) -> dict[str, list[str]]:
    """Users of the application whose keys are accepted no more."""
    generation = secrets.generation("minio-app-secret-key")
    accepted_from = generation - (secrets.before("minio-app-secret-key") is not None)
    names = [app_user(number) for number in range(1, accepted_from)]
    return {"retired": names} if names else {}


def _server(context: Context, volume: Volume, root_user: str) -> ServiceSpec:
    group = context.settings.minio
    return ServiceSpec(
        name=SERVICE,
        image=context.images["minio"].image,
        command=("server", "/data", "--address", f":{API_PORT}", "--console-address", f":{CONSOLE_PORT}"),
        ports=(
            Port("api", API_PORT, group.api_port, "minio:apiPort"),
            Port("console", CONSOLE_PORT, group.console_port, "minio:consolePort"),
        ),
        health=HealthSpec(ExecProbe(("mc", "ready", "local"))),
        stop_grace=30,
        # Sizes and counts, without a key to lose: the port is the private network's, and this machine's.
        env={
            "MINIO_ROOT_USER": root_user,
            **({"MINIO_PROMETHEUS_AUTH_TYPE": "public"} if context.metrics else {}),
        },
        secret_env={"MINIO_ROOT_PASSWORD": context.secrets.minio_root_password},
        mounts=(Mount(volume, "/data"),),
        metrics=METRICS if context.metrics else None,
    )

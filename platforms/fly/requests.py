"""What the actions are asked: one model each, strict about names so that a misspelt field is no silent default."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Request(BaseModel):
    """A request; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class AppRequest(Request):
    """An app of the organization `org`; a private one must have no public address."""

    app: str
    org: str
    private: bool


class ClaimRequest(Request):
    """An app to mark as the stack's whose id is `owner`."""

    app: str
    owner: str = Field(pattern=r"^[0-9a-f]{16}$")


class KnownSecret(BaseModel):
    """What is remembered of a secret: our keyed hash of its value, and Fly's digest."""

    model_config = ConfigDict(frozen=True)

    hmac: str
    digest: str


class SecretsRequest(Request):
    """Secrets of an app: values by name, and the key of the hashes by which a change is noticed."""

    app: str
    values: dict[str, SecretStr] = Field(min_length=1)
    hmac_key: SecretStr = Field(min_length=16)


class Guest(Request):
    """Size of a machine: kind and number of CPUs, memory in MB."""

    cpu_kind: Literal["shared", "performance"] = "shared"
    cpus: int = 1
    memory_mb: int = 256


class VolumeRequest(Request):
    """A volume that a machine of the size `guest` mounts: size in GB, snapshots kept for `snapshot_retention` days."""

    app: str
    name: str
    region: str
    size_gb: int = Field(ge=1, le=500)
    snapshot_retention: int = Field(default=14, ge=1, le=60)
    guest: Guest


class VolumeRef(Request):
    """A volume that exists."""

    name: str
    id: str


class DeployRequest(Request):
    """A deployment: `toml` is the document of a fly.toml; a data app's volume gets a snapshot first.

    `replicas` machines run it, one after the other; with `want` stopped, nothing is deployed and all of them are
    stopped.
    """

    app: str
    region: str
    image: str
    toml: dict[str, Any]
    volume: VolumeRef | None = None
    secrets: dict[str, KnownSecret] = {}
    data: bool = False
    wait_minutes: int = Field(default=10, ge=1, le=15)
    replicas: int = Field(default=1, ge=1, le=8)
    want: Literal["started", "stopped"] = "started"


class StateRequest(Request):
    """Whether an app's machines shall run: `replicas` of them, or all there are."""

    app: str
    want: Literal["started", "stopped"]
    replicas: int | None = None


class InspectRequest(Request):
    """Which apps to look at."""

    apps: list[str]
    machines_only: bool = False
    """Leave out volumes, names of secrets and releases, which take a call each."""


class LogsRequest(Request):
    """How many of the last log lines."""

    app: str
    lines: int = Field(default=200, ge=1, le=10_000)


class LookRequest(Request):
    """An app to look at; with `environment`, also what its machine was given, secrets in the clear."""

    app: str
    environment: bool = False


class ReachRequest(Request):
    """Connect from the app's machine to each `host:port`."""

    app: str
    targets: list[str] = Field(min_length=1)


class FilesystemRequest(Request):
    """The file system that holds `path` in the app's machine."""

    app: str
    path: str


class MigrationRequest(Request):
    """The migration of that number in a folder of the app's machine."""

    app: str
    folder: str
    version: int = Field(ge=0)


class RecentRequest(Request):
    """What the app wrote in the last `seconds`."""

    app: str
    seconds: float = Field(gt=0)

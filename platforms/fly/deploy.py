"""A deployment: only when something changed, after a snapshot, and proven afterwards."""

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pydantic import Field

from platforms.fly.action import Answer, Lasting
from platforms.fly.apps import make_balanced, make_public, require_private
from platforms.fly.client import Client
from platforms.fly.errors import (
    AGAIN,
    UNSURE,
    CallError,
    FlyError,
    LeaseHeldError,
    TimedOutError,
    UnhealthyError,
)
from platforms.fly.machines import Want, machines, run_all, stop_all
from platforms.fly.replies import Machine
from platforms.fly.secrets import KnownSecret, release_version, staged
from platforms.fly.toml import Document, fixed, lint, text
from platforms.fly.volumes import TakeSnapshot, require_mounted

FOLDER_VARIABLE = "LANGFUSE_STACK_FLY_BUILD"
"""Names another folder than `build/fly`."""
LEASE_SECONDS = 3600
"""How long Fly itself keeps a lease: of an older deployment none is left."""
LEASE_TRIES = 4
LEASE_WAIT = 15
"""Seconds."""
LOCAL_IMAGE = "sha256:"
MAX_IMAGE_ID = 63
"""`fly` refuses a whole image id of 64 characters; a shorter prefix finds the same image."""


class Deploy(Lasting):
    """A deployment: `toml` is the document of a fly.toml; a data app's volume gets a snapshot first.

    `replicas` machines run it, one after the other; with `want` stopped, nothing is deployed and all of them are
    stopped. An image id (`sha256:…`) is one of this machine's Docker engine, which pushes it to the app's own registry.
    """

    app: str
    region: str
    image: str
    toml: dict[str, Any]
    volume: TakeSnapshot | None = None
    secrets: dict[str, KnownSecret] = Field(default={})
    data: bool = False
    wait_minutes: int = Field(default=10, ge=1, le=15)
    replicas: int = Field(default=1, ge=1, le=8)
    want: Want = "started"

    def do(self, fly: Client) -> Answer:
        if self.toml.get("app") != self.app or self.toml.get("primary_region") != self.region:
            raise FlyError(f"app {self.app}, region {self.region}: the fly.toml is for another app or region")
        if self.want == "stopped":
            stop_all(fly, self.app)
            return {**self._before, "app": self.app, "state": self.want}
        self._lint(self._before.get("fixed"))
        folder = Folder(self.app)
        with folder.alone():
            found = self._machines(fly)
            self._require_volume(fly, found)
            snapshot = {}
            if not self._is_current(fly, found):
                snapshot = self.volume.do(fly) if found and self.data and self.volume else {}
                with self._log_kept(fly):
                    self._release(fly, folder, found if folder.interrupted else ())
            with self._log_kept(fly):
                return self._proven(fly) | snapshot

    @property
    def _before(self) -> Mapping[str, Any]:
        return self.previous if self.previous.get("app") == self.app else {}

    def _lint(self, before: Mapping[str, Any] | None) -> None:
        lint(self.toml, data=self.data, previous=before, secrets=frozenset(self.secrets))

    def _machines(self, fly: Client) -> Sequence[Machine]:
        found = machines(fly, self.app)
        if self.volume and len(found) > 1:
            raise FlyError(
                f"app {self.app} has {len(found)} machines ({', '.join(machine.id for machine in found)}), and this "
                "stack runs exactly 1",
                f"find out which one has the volume, have the others retired by hand, {AGAIN}",
                f"fly machine list -a {self.app}",
            )
        for machine in found[:1]:
            mounts = {mount.name: mount.path for mount in machine.config.mounts if mount.name and mount.path}
            self._lint({"region": machine.region, "mounts": mounts})
        return found

    def _require_volume(self, fly: Client, found: Sequence[Machine]) -> None:
        if self.volume:
            require_mounted(fly, self.app, self.region, self.volume, found)

    @property
    def _wanted(self) -> dict[str, str]:
        secrets = json.dumps({name: secret.hmac for name, secret in sorted(self.secrets.items())})
        return {
            "image": self.image,
            "config_sha256": hashlib.sha256(text(self.toml).encode()).hexdigest(),
            "secrets_sha256": hashlib.sha256(secrets.encode()).hexdigest(),
        }

    def _is_current(self, fly: Client, found: Sequence[Machine]) -> bool:
        before = self._before
        same = all(before.get(name) == value for name, value in self._wanted.items())
        known = before.get("machine") in {machine.id for machine in found}
        return same and known and before.get("release") == release_version(fly, self.app) and not staged(fly, self.app)

    @contextmanager
    def _log_kept(self, fly: Client) -> Iterator[None]:
        """Keep the log of a machine that did not come up well in the evidence: its migrations may have failed."""
        try:
            yield
        except (CallError, TimedOutError, UnhealthyError):
            with suppress(FlyError):
                fly("logs", app=self.app)
            raise

    def _release(self, fly: Client, folder: "Folder", ours: Sequence[Machine]) -> None:
        local = self.image.startswith(LOCAL_IMAGE)
        config = folder.write(self.toml)
        for wait in (*(LEASE_WAIT,) * (LEASE_TRIES - 1), None):
            try:
                with folder.deploying():
                    fly(
                        "deploy",
                        config=str(config),
                        app=self.app,
                        image=self.image.removeprefix(LOCAL_IMAGE)[:MAX_IMAGE_ID] if local else self.image,
                        local_only=local,
                        minutes=self.wait_minutes,
                        no_public_ips="http_service" not in self.toml,
                    )
            except LeaseHeldError as error:
                if ours:
                    # A deployment from here was killed: nobody else would give its leases back for an hour.
                    for machine in ours:
                        fly("machine leases clear", machine=machine.id, app=self.app)
                    folder.ended()
                    ours = ()
                elif wait is None:
                    raise LeaseHeldError(
                        f"app {self.app}: another deployment holds its machine: {error.what}",
                        f"wait until it ends; if there is none any more, clear its lease, {AGAIN}",
                        f"fly machine leases clear MACHINE -a {self.app}",
                    ) from None
                else:
                    fly.sleep(wait)
            else:
                return

    def _proven(self, fly: Client) -> Answer:
        app = self.app
        running = run_all(fly, app, self.replicas)
        if staged(fly, app):
            fly("secrets deploy", app=app)
            running = run_all(fly, app, self.replicas)
            if left := staged(fly, app):
                raise FlyError(
                    f"app {app}: secrets {', '.join(left)} are still staged, so its machine does not have them",
                    f"put them to use by hand, {AGAIN}",
                    f"fly secrets deploy -a {app}",
                )
        self._require_volume(fly, running)
        (make_public if "http_service" in self.toml else require_private)(fly, app)
        if self.toml.get("services"):
            make_balanced(fly, app)
        return {
            "app": app,
            "machine": running[0].id,
            **self._wanted,
            "release": release_version(fly, app),
            "state": running[0].state,
            "fixed": fixed(self.toml),
        }


class Folder:
    """Where an app's fly.toml and its files are rendered, and who is deploying it from this machine."""

    def __init__(self, app: str) -> None:
        root = os.environ.get(FOLDER_VARIABLE) or Path(__file__).parents[2] / "build" / "fly"
        self.path = Path(root).absolute() / app
        self.path.mkdir(parents=True, exist_ok=True)
        self._marker = self.path / "deploying"

    def write(self, document: Document) -> Path:
        """The fly.toml, with each `raw_value` as a file of its own beside it, so that no encoding is guessed."""
        files = []
        for number, file in enumerate(document.get("files", [])):
            if "raw_value" in file:
                copy = self._written(f"{number}-{Path(file['guest_path']).name}", file["raw_value"])
                files.append({"guest_path": file["guest_path"], "local_path": str(copy)})
            else:
                files.append(dict(file))
        return self._written("fly.toml", text({**document, "files": files} if files else document))

    def _written(self, name: str, content: str) -> Path:
        path, draft = self.path / name, self.path / f"{name}.draft"
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
        draft.write_text(content, encoding="utf-8")
        return draft.replace(path)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only one that deploys the app from this machine.

        Raises:
            LeaseHeldError: another one is at it.
        """
        with (self.path / "lock").open("a", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LeaseHeldError(
                    f"app {self.path.name} is being deployed from this machine right now",
                    f"wait for that run to end, {AGAIN}",
                ) from None
            yield

    @contextmanager
    def deploying(self) -> Iterator[None]:
        """Around the deployment itself; a mark stays behind unless it is known how it ended.

        A lease that keeps it from beginning leaves an earlier mark as it was: the lease may be that deployment's.
        """
        before = self._begun
        self._marker.touch(mode=0o600)
        try:
            yield
        except FlyError as error:
            if isinstance(error, LeaseHeldError) and before:
                os.utime(self._marker, (before, before))
            elif not isinstance(error, UNSURE):
                self.ended()
            raise
        self.ended()

    def ended(self) -> None:
        """No lease of this machine is left."""
        self._marker.unlink(missing_ok=True)

    @property
    def interrupted(self) -> bool:
        """Whether the last deployment from this machine ended without a word, so that its lease may still be held."""
        return time.time() - self._begun < LEASE_SECONDS

    @property
    def _begun(self) -> float:
        """When a deployment from here began of whose end nothing is known, in seconds since 1970; 0 for none."""
        with suppress(FileNotFoundError):
            return self._marker.stat().st_mtime
        return 0

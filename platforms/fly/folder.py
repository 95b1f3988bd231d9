"""Where an app's fly.toml and its files are rendered, and who is deploying it from this machine."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from platforms.fly.errors import AGAIN, UNSURE, FlyError, LeaseHeldError
from platforms.fly.toml import Document, fixed, text

FOLDER_VARIABLE = "LANGFUSE_STACK_FLY_BUILD"
"""Names another folder than `build/fly`."""
LEASE_SECONDS = 3600
"""How long Fly itself keeps a lease: of an older deployment none is left."""


@dataclass(frozen=True)
class Folder:
    """The build folder of one app."""

    path: Path

    @classmethod
    def of(cls, app: str) -> Self:
        """The app's folder; made when absent."""
        root = os.environ.get(FOLDER_VARIABLE) or Path(__file__).parents[2] / "build" / "fly"
        path = Path(root).absolute() / app
        path.mkdir(parents=True, exist_ok=True)
        return cls(path)

    def write(self, document: Document) -> Path:
        """Write the fly.toml, with each `raw_value` as a file of its own beside it, so that no encoding is guessed.

        Returns:
            The fly.toml.
        """
        files = []
        for number, file in enumerate(document.get("files", [])):
            if "raw_value" in file:
                copy = self.path / f"{number}-{Path(file['guest_path']).name}"
                _replace(copy, file["raw_value"])
                files.append({"guest_path": file["guest_path"], "local_path": str(copy)})
            else:
                files.append(dict(file))
        written = self.path / "fly.toml"
        _replace(written, text({**document, "files": files} if files else document))
        return written

    def remember(self, document: Document) -> None:
        """Keep what must not change after a deployment that is proven."""
        _replace(self.path / "deployed.json", json.dumps(fixed(document), sort_keys=True))

    def fixed(self) -> dict[str, Any] | None:
        """What the last proven deployment says must not change; None when nothing is known of one."""
        try:
            known = json.loads((self.path / "deployed.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None  # only a copy, which may be missing; the last answer and the machine itself are what counts
        return known if isinstance(known, dict) else None

    @property
    def interrupted(self) -> bool:
        """Whether the last deployment from this machine ended without a word, so that its lease may still be held."""
        begun = self._begun
        return begun is not None and time.time() - begun < LEASE_SECONDS

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
            if isinstance(error, LeaseHeldError) and before is not None:
                os.utime(self._marker, (before, before))
            elif not isinstance(error, UNSURE):
                self.ended()
            raise
        self.ended()

    def ended(self) -> None:
        """No lease of this machine is left."""
        self._marker.unlink(missing_ok=True)

    @property
    def _begun(self) -> float | None:
        """When a deployment from here began of whose end nothing is known, in seconds since 1970."""
        try:
            return self._marker.stat().st_mtime
        except FileNotFoundError:
            return None

    @property
    def _marker(self) -> Path:
        return self.path / "deploying"


def _replace(path: Path, content: str) -> None:
    draft = path.with_name(f"{path.name}.draft")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(content, encoding="utf-8")
    draft.replace(path)

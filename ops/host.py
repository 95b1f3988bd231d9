"""What the operator's commands ask of the place where a stack runs, whichever it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ops.session import OpsError, Session


@dataclass(frozen=True)
class Status:
    """One service as the platform sees it at this moment."""

    service: str
    state: str
    """The platform's word: `running`, `exited`, `started`, `stopped`, …"""
    detail: Mapping[str, Any]
    """What the platform says besides, free of secrets."""

    @property
    def runs(self) -> bool:
        """Whether it is started."""
        return self.state in {"running", "started"}

    @property
    def rests(self) -> bool:
        """Whether it is known to be stopped: a state that nobody could read, or that changes, is neither."""
        return self.state in {"exited", "created", "stopped", "suspended"}


class Host(Protocol):
    """Where a stack runs."""

    def services(self) -> dict[str, Status]:
        """Every service of the stack.

        Raises:
            OpsError: the platform does not answer.
        """

    def logs(self, service: str, lines: int) -> str:
        """The last `lines` lines of a service's log, as the service wrote them.

        Raises:
            OpsError: there are none to be had.
        """

    def stop(self, service: str) -> None:
        """Stop a service gracefully; its volume, its image and its settings stay.

        Raises:
            OpsError: it could not be stopped.
        """

    def start(self, service: str) -> None:
        """Start a stopped service again and wait until the platform calls it well.

        Raises:
            OpsError: it did not start, or did not become well in time.
        """

    def snapshots(self) -> Mapping[str, str]:
        """Take a snapshot of every volume and wait until it is complete; volume to snapshot.

        Empty where the platform has no snapshots.

        Raises:
            OpsError: one could not be taken.
        """

    def facts(self) -> Mapping[str, Any]:
        """Versions, disk space and the like.

        Raises:
            OpsError: the platform does not answer.
        """


def host_of(session: Session) -> Host:
    """Where the session's stack runs."""
    if session.settings.stack.platform == "fly":
        from ops.fly_host import FlyHost

        return FlyHost(session)
    from ops.docker_host import DockerHost

    return DockerHost(session)


def known(host: Host, service: str) -> Status:
    """The service of that name.

    Raises:
        OpsError: there is none; names those there are.
    """
    found = host.services()
    if not found:
        raise OpsError("nothing of this stack is there: run `make up`")
    if service not in found:
        raise OpsError(f"there is no service {service}: use one of {', '.join(sorted(found))}")
    return found[service]

"""The runtime of a session's stack."""

from ops.session import OpsError, Session
from ops.state import State, read_state
from ops.terminal import waiting
from platforms.choice import docker, runtime
from platforms.docker.runtime import DockerRuntime
from platforms.spec import Runtime, Status


def runtime_of(session: Session, state: State | None = None) -> Runtime:
    """What runs of the session's stack.

    Args:
        session: the stack.
        state: its state, where it was read already.
    """
    return runtime(session.settings, lambda: (state or read_state(session)).resources, session.variables)


def docker_of(session: Session) -> DockerRuntime | None:
    """The same with all that can be done where services are containers of this machine; None elsewhere."""
    return docker(session.settings, session.variables)


def start_service(runtime: Runtime, service: str) -> None:
    """Start a service, and say that it is waited for."""
    with waiting.on(f"{service} to become healthy"):
        runtime.start(service)


def known(found: Runtime, service: str) -> Status:
    """The service of that name.

    Raises:
        OpsError: there is none; names those there are.
    """
    services = found.services()
    if not services:
        raise OpsError("nothing of this stack is there: run `make up`")
    if service not in services:
        raise OpsError(f"there is no service {service}: use one of {', '.join(sorted(services))}")
    return services[service]

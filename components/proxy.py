"""HAProxy in front of several servers of one kind: their one address, which stays when one of them does not."""

from collections.abc import Sequence
from dataclasses import dataclass

from components.context import Context
from components.templates import render
from platforms.spec import File, HealthSpec, HttpProbe, Platform, Port, ServiceSpec

CONFIG_FILE = "/etc/haproxy/langfuse.cfg"
HEALTH_PORT = 8404
HEALTH_PATH = "/health"
STOP_GRACE = 10


@dataclass(frozen=True)
class Behind:
    """What a proxy is in front of."""

    servers: Sequence[str]
    """Services in the order in which they are taken."""
    check_port: int
    """Port that says whether a server is well."""
    standby: bool
    """Whether only the first one is used, and each other only when those before it are lost."""


def proxy(
    context: Context, name: str, config: str, *, ports: Sequence[Port], behind: Behind, **more: str
) -> ServiceSpec:
    """The service that hands on what it gets at `ports` to the same ports of the servers.

    Args:
        context: the stack's.
        name: of the service.
        config: file in `files/proxy` that says how; it may name `$<port>_bind` and `$<port>_servers`.
        ports: by which it is reached.
        behind: the servers.
        more: what else the file names.
    """
    values, platform = dict(more), context.platform
    for port in ports:
        values[f"{port.name}_bind"] = _bind(platform, port.number)
        values[f"{port.name}_servers"] = "\n".join(_servers(port, behind, platform))
    common = render("proxy/common.cfg", health_bind=_bind(platform, HEALTH_PORT), health_path=HEALTH_PATH)
    return ServiceSpec(
        name=name,
        image=context.images["proxy"].image,
        command=("haproxy", "-f", CONFIG_FILE),
        ports=tuple(ports),
        health=HealthSpec(HttpProbe(HEALTH_PORT, HEALTH_PATH)),
        stop_grace=STOP_GRACE,
        files=(File(CONFIG_FILE, common + render(config, **values)),),
    )


def _bind(platform: Platform, port: int) -> str:
    both_families = " v4v6" if ":" in platform.bind_address else ""
    return f"{platform.bind_address}:{port}{both_families}"


def _servers(port: Port, behind: Behind, platform: Platform) -> list[str]:
    return [
        render(
            "proxy/server.cfg",
            server=server,
            address=platform.internal(server, port.number),
            check_port=behind.check_port,
            standby=" backup" if behind.standby and place else "",
        ).rstrip("\n")
        for place, server in enumerate(behind.servers)
    ]

"""TCP ports of this machine's loopback address."""

import socket
from collections.abc import Container

FIRST, LAST, STEP = 10000, 30000, 100


def is_free(port: int) -> bool:
    """Whether nothing listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_block(count: int, claimed: Container[int]) -> list[int] | None:
    """So many free ports that follow each other, None where there are none.

    Args:
        count: how many.
        claimed: ports that are not to be used, whether something listens there or not.
    """
    for first in range(FIRST, LAST, STEP):
        ports = list(range(first, first + count))
        if all(port not in claimed and is_free(port) for port in ports):
            return ports
    return None

"""Free TCP ports on this machine."""

import random
import socket

# Below every kernel's own range: a port from there may be taken by an outgoing connection in the
# moment in which its server restarts.
LOWEST, HIGHEST = 15_000, 30_000
TRIES = 100


class NoFreePort(Exception):
    """No free port was found between 15000 and 30000 on 127.0.0.1."""


def free_port() -> int:
    """A port on 127.0.0.1 on which nothing listens; for a minute nobody else gets it here."""
    for port in random.sample(range(LOWEST, HIGHEST), TRIES):
        if reserve(port):
            return port
    raise NoFreePort(NoFreePort.__doc__)


def reserve(port: int) -> bool:
    """Whether the port was free and not reserved.

    A connection that was closed from this side leaves the port in TIME_WAIT. There a server can
    bind it, for servers set SO_REUSEADDR first; this, which sets it only then, cannot.
    """
    with socket.socket() as server:
        try:
            server.bind(("127.0.0.1", port))
        except OSError:
            return False
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # both sides need it
        server.listen(1)
        with socket.create_connection(server.getsockname()):
            server.accept()[0].close()
    return True

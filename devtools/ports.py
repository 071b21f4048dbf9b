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
    """A port on 127.0.0.1 on which nothing listens."""
    for port in random.sample(range(LOWEST, HIGHEST), TRIES):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise NoFreePort(NoFreePort.__doc__)

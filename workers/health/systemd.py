"""What systemd is told of a service of `Type=notify`; without systemd, nobody is told anything.

With `WatchdogSec=` it starts a process again that has not said ALIVE for so long.
"""

import os
import socket
from contextlib import suppress

READY, ALIVE, STOPPING = "READY=1", "WATCHDOG=1", "STOPPING=1"  # sd_notify(3)


def tell(state: str) -> None:
    """From any thread; never waits, never raises."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # Linux' abstract names
        address = f"\0{address[1:]}"
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.setblocking(False)
        line.sendto(state.encode(), address)

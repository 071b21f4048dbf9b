"""A replica's own life: its event loop's pulse, and how it is taken out of service.

SIGUSR1 takes it out: from then on /readyz says so, and it goes on to serve whoever still comes.
Send it some seconds before SIGTERM, so that a front door that asks knows before the sockets are told.
"""

import asyncio
import signal
from contextlib import suppress
from typing import Any

import structlog

from agentsite import health
from workers import garbage
from workers.health import systemd
from workers.health.pulse import Pulse

BEAT = 2.0  # seconds between two words to systemd

log = structlog.get_logger(__name__)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """The ASGI protocol `lifespan`."""
    loop = asyncio.get_running_loop()
    pulse = Pulse("replica")
    beating: asyncio.Task[None] | None = None
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            garbage.settle()
            pulse.start(loop)
            beating = loop.create_task(beat())
            with suppress(NotImplementedError, RuntimeError):  # Windows, or a thread
                loop.add_signal_handler(signal.SIGUSR1, take_out)
            await send({"type": "lifespan.startup.complete"})
        else:
            pulse.stop()
            if beating is not None:
                beating.cancel()
            await send({"type": "lifespan.shutdown.complete"})
            return


async def beat() -> None:
    """Tell systemd that this loop turns."""
    systemd.tell(systemd.READY)
    while True:
        systemd.tell(systemd.ALIVE)
        await asyncio.sleep(BEAT)


def take_out() -> None:
    log.info("replica_taken_out")
    health.take_out()

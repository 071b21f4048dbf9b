"""New ids: UUIDs in the order of time (version 7, RFC 9562). Any room may call it."""

import secrets
import time
from uuid import UUID

FRACTION = 4096  # steps of a millisecond that fit into the 12 bits after it


def new_id() -> UUID:
    """Milliseconds, their fraction, then 62 random bits: nobody guesses it, an index likes it."""
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    fraction = nanoseconds * FRACTION // 1_000_000
    moment = milliseconds << 80 | 7 << 76 | fraction << 64
    return UUID(int=moment | 2 << 62 | secrets.randbits(62))

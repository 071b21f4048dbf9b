"""New ids: UUIDs in the order of time (version 7, RFC 9562). Any room may call it."""

import secrets
import time
from datetime import datetime
from uuid import UUID

FRACTION = 4096  # steps of a millisecond that fit into the 12 bits after it


def first_id(moment: datetime) -> UUID:
    """Not above any id of this moment or later, above all of the milliseconds before."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def new_id() -> UUID:
    """Milliseconds, their fraction, then 62 random bits: nobody guesses it, an index likes it."""
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    fraction = nanoseconds * FRACTION // 1_000_000
    moment = milliseconds << 80 | 7 << 76 | fraction << 64
    return UUID(int=moment | 2 << 62 | secrets.randbits(62))

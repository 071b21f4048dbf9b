"""Counts what a client asks of PostgreSQL or Redis: a relay between the two that reads along.

It sees what goes over the wire, whoever sends it: the ORM, a pool, a Lua wrapper, a library.
"""

from tests.taps.relay import Tap

__all__ = ["Tap"]

"""What the autoscaler needs of whoever starts and ends worker processes."""

from collections.abc import Sequence
from typing import Protocol

from workers.pools import Pool


class NotScaled(Exception):
    """The launcher could not be asked, or refused; the autoscaler decides anew at its next look."""


class Launcher(Protocol):
    """Called from one thread. A pool's size is the number of processes that are wanted of it.

    Whoever implements it lets a process that is to go finish or hand back what it runs: SIGTERM.
    """

    def adopt(self, pool: Pool) -> None:
        """This autoscaler decides for the pool from now on, perhaps after another one."""

    def size(self, pool: Pool) -> int:
        """Those that run or start, without those that drain. Raises NotScaled."""

    def scale(self, pool: Pool, size: int) -> None:
        """Start or drain processes. Raises NotScaled when the size is not what `size` told."""

    def tend(self, pool: Pool) -> None:
        """At each look: start again what died. Raises nothing."""

    def close(self, pools: Sequence[str]) -> None:
        """The autoscaler ends: so does what cannot live without it."""

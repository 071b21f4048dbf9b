"""How many sockets one person may have open at this replica, whatever pages or programs hold them.

In this process only: memory is what a socket costs, and a count that is shared would outlive the
replicas that die. A person on three replicas may have three times as many.
"""

from collections import Counter
from collections.abc import Hashable

from django.conf import settings

from conversations.errors import TooManyConnections

_open: Counter[Hashable] = Counter()


def take(person: Hashable) -> None:
    """Raises `TooManyConnections`."""
    if 0 < settings.SOCKETS_PER_USER <= _open[person]:
        raise TooManyConnections
    _open[person] += 1


def leave(person: Hashable) -> None:
    """Who has no socket left is forgotten."""
    _open[person] -= 1
    if _open[person] <= 0:
        del _open[person]

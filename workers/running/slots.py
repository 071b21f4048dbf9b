"""A worker process's slots: some are kept for one queue, the rest go to whoever comes first.

Where several queues wait for a shared slot, the pool's order decides. So that the last in it is
never starved, a queue whose work has grown old gets every second shared slot, however much of
the others' waits. Any thread may ask.
"""

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import count


class Slots:
    """How many jobs of each queue run here; never more than there are slots."""

    def __init__(
        self,
        slots: int,
        queues: Sequence[str],
        *,
        reserved: Mapping[str, int] | None = None,
        max_jobs: int | None = None,
    ) -> None:
        """`queues`: what goes first, first. `max_jobs`: all that may ever run here."""
        self._reserved = Counter(reserved or {})
        self._shared = slots - self._reserved.total()
        self._order = {queue: rank for rank, queue in enumerate(queues)}
        self._left = max_jobs
        self._used: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()
        self._old: set[str] = set()
        self._clock = count(1)
        self._served = dict.fromkeys(queues, 0)  # when it last got a shared slot
        self._old_is_next = True
        self._changed = threading.Condition()

    @property
    def used(self) -> int:
        """Jobs that run."""
        with self._changed:
            return self._used.total()

    @property
    def exhausted(self) -> bool:
        """Whether as many jobs have been taken as ever may be."""
        return self._left == 0

    def free(self, queue: str) -> int:
        """How many more jobs of the queue fit in now."""
        with self._changed:
            return 0 if self.exhausted else max(self._own(queue), 0) + self._in_common()

    def take(self, queue: str) -> bool:
        """A slot at once or none: for a job that has come unawaited."""
        with self._changed:
            return self._has_room(queue) and self._give(queue)

    def wait(self, queue: str, seconds: float) -> bool:
        """A slot as soon as it is this queue's turn; False when the time is over."""
        with self._changed:
            self._waiting[queue] += 1
            try:
                return self._changed.wait_for(lambda: self._is_turn_of(queue), seconds) and (
                    self._give(queue)
                )
            finally:
                self._waiting[queue] -= 1
                self._changed.notify_all()

    def release(self, queue: str) -> None:
        """The job has landed."""
        with self._changed:
            self._used[queue] -= 1
            self._changed.notify_all()

    def give_back(self, queue: str) -> None:
        """There was no job for it."""
        if self._left is not None:
            self._left += 1
        self.release(queue)

    def grow_old(self, queue: str, *, old: bool) -> None:
        """Whether the queue's oldest job has waited too long."""
        with self._changed:
            (self._old.add if old else self._old.discard)(queue)

    def _own(self, queue: str) -> int:
        """Kept for the queue and free; negative: so many of its jobs are in shared slots."""
        return self._reserved[queue] - self._used[queue]

    def _in_common(self) -> int:
        """Shared slots that are free."""
        return self._shared - sum(max(-self._own(queue), 0) for queue in self._used)

    def _has_room(self, queue: str) -> bool:
        return not self.exhausted and (self._own(queue) > 0 or self._in_common() > 0)

    def _is_turn_of(self, queue: str) -> bool:
        if not self._has_room(queue):
            return False
        return self._own(queue) > 0 or queue == self._next()

    def _next(self) -> str:
        """Of the queues that wait for a shared slot, the one whose turn it is."""
        waiting = [queue for queue, number in self._waiting.items() if number]
        old = [queue for queue in waiting if queue in self._old]
        if old and self._old_is_next:
            return min(old, key=self._served.__getitem__)
        return min(waiting, key=self._order.__getitem__)

    def _give(self, queue: str) -> bool:
        if self._own(queue) <= 0:
            self._old_is_next = not (self._old_is_next and queue in self._old)
            self._served[queue] = next(self._clock)
        self._used[queue] += 1
        if self._left is not None:
            self._left -= 1
        return True

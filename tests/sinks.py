"""Where tests send log lines instead of to a stream."""

import threading

from tests.waiting import GENEROUS


class Memory:
    """Keeps what it is given."""

    name = "memory"

    def __init__(self):
        self.lines = []

    def write(self, batch):
        self.lines += [line for _, line in batch]
        return 0

    def hurry(self):
        pass

    def end(self):
        pass

    def forked(self):
        pass


class Gated(Memory):
    """Writes nothing until it may."""

    name = "gated"

    def __init__(self):
        super().__init__()
        self.may_write = threading.Event()

    def write(self, batch):
        assert self.may_write.wait(GENEROUS)
        return super().write(batch)

    def hurry(self):
        self.may_write.set()

"""Where tests send log lines instead of to a stream."""

import threading


class Memory:
    """Keeps what it is given."""

    name = "memory"

    def __init__(self):
        self.lines = []

    def write(self, batch):
        self.lines += [line for _, line in batch]
        yield from ()

    def end(self):
        pass

    def forked(self):
        pass


class Gated(Memory):
    """Writes nothing until it may."""

    name = "gated"

    def __init__(self):
        super().__init__()
        self.asked, self.may_write = threading.Event(), threading.Event()

    def write(self, batch):
        self.asked.set()
        while not self.may_write.is_set():
            yield 0.01
        yield from super().write(batch)

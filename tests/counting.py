"""What a deed adds to the metrics, by the names that a scrape has."""

from collections.abc import Iterator
from contextlib import contextmanager

from workers.observing import metrics


def value(name: str, **labels: str) -> float:
    """Of one sample of this process; 0 where there is none yet."""
    return metrics.REGISTRY.get_sample_value(name, labels) or 0


@contextmanager
def counted(name: str, by: float = 1, **labels: str) -> Iterator[None]:
    """The block adds so much to the sample."""
    before = value(name, **labels)
    yield
    assert value(name, **labels) - before == by, f"{name} {labels}"

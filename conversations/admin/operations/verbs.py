"""What staff do to the fleet: drain and resume a worker, pause and resume a pool.

Each is asked once more, done by POST, and leaves a line in the admin's log.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import Model
from django.http import HttpRequest

from workers import orders
from workers.models import PoolPause, WorkerProcess


@dataclass(frozen=True, slots=True)
class Verb:
    """One of them, in words."""

    label: str
    question: str
    consequence: str
    done: str
    order: Callable[..., None]


DRAIN = Verb(
    label="Drain",
    question="Drain the worker {name}?",
    consequence="It fetches nothing more. What it runs may finish for as long as on a restart; the "
    "rest is handed back at its last checkpoint and goes on at another worker. The process stays, "
    "idle, until it is resumed.",
    done="The worker {name} drains.",
    order=orders.drain,
)
RESUME = Verb(
    label="Resume",
    question="Let the worker {name} fetch again?",
    consequence="It takes work again within two seconds.",
    done="The worker {name} fetches again.",
    order=orders.resume,
)
PAUSE = Verb(
    label="Pause",
    question="Pause the pool {name}?",
    consequence="None of its workers fetches anything, nor do those that start later; what they "
    "run goes on to its end. Messages are accepted and wait. The autoscaler leaves the pool as it "
    "is.",
    done="The pool {name} is paused.",
    order=orders.pause,
)
UNPAUSE = Verb(
    label="Resume",
    question="Let the pool {name} work again?",
    consequence="Its workers take what waits within seconds.",
    done="The pool {name} works again.",
    order=orders.unpause,
)
OF_WORKERS = {"drain": DRAIN, "resume": RESUME}
OF_POOLS = {"pause": PAUSE, "resume": UNPAUSE}


def act(request: HttpRequest, verb: Verb, name: str, *, row: Model) -> None:
    """Give the order, and say in the log who did."""
    assert request.user.is_authenticated
    verb.order(name, by=request.user.get_username())
    LogEntry.objects.log_actions(
        request.user.pk,
        [row],
        CHANGE,
        f"{verb.label}: {verb.done.format(name=name)}",
        single_object=True,
    )


def row_of(pool: str) -> PoolPause:
    """What stands for a pool in the log: it has no row of its own."""
    return PoolPause(pool=pool)


def may_act(request: HttpRequest) -> bool:
    """Django's permission to change workers."""
    return request.user.has_perm(f"{WorkerProcess._meta.app_label}.change_workerprocess")  # noqa: SLF001 - Django's way

"""System checks of the engine room's settings; each says the mend."""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks

from workers import pools as pools_
from workers.routing import AUTO, TIERS

PATHS = ("WORKER_SWEEP", "ROUTING", "LAUNCHER")
JOB_CLASS = "workers.jobs.TurnJob"
SERIALIZER = "rq.serializers.JSONSerializer"

Apps = Sequence[AppConfig] | None


@checks.register
def paths(app_configs: Apps, **options: Any) -> Iterator[checks.CheckMessage]:
    """Dotted paths lead somewhere. Nothing is imported: a task may bring heavy libraries."""
    named = [("WORKER_TASKS", task) for task in settings.WORKER_TASKS]
    for setting, path in [*named, *((name, getattr(settings, name)) for name in PATHS)]:
        if not exists(path.rpartition(".")[0]):
            yield checks.Error(
                f"{setting} names {path}, whose module does not exist",
                hint="Give the dotted path of a function, such as conversations.tasks.answer.",
                id="workers.E001",
            )


def exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


@checks.register
def pools(app_configs: Apps, **options: Any) -> Iterator[checks.CheckMessage]:
    """Each pool has room for work, and each queue somebody who serves it."""
    for name in settings.POOLS:
        yield from faults_of(name)
    told = settings.POOLS.items()
    served = {queue for name, pool in told for queue in pool.get("queues", [name])}
    for queue in settings.QUEUES:
        if queue not in served:
            yield checks.Error(
                f"No pool serves the queue {queue!r}: its turns would wait for ever",
                hint="Name it in the `queues` of a pool in POOLS.",
                id="workers.E006",
            )
        if settings.RQ_QUEUES.get(queue, {}).get("SERIALIZER") != SERIALIZER:
            yield checks.Error(
                f"RQ_QUEUES has no queue {queue!r} with the SERIALIZER {SERIALIZER}",
                hint="Without it the admin reads jobs with pickle, and fails.",
                id="workers.E003",
            )


def faults_of(name: str) -> Iterator[checks.CheckMessage]:
    """Those of one pool."""
    try:
        pool = pools_.pool(name)
    except TypeError as error:
        yield checks.Error(
            f"POOLS[{name!r}] cannot be read: {error}",
            hint="Its keys are those of workers.pools.Pool, without the name.",
            id="workers.E002",
        )
        return
    yield from faults_of_slots(pool)
    if unknown := set(pool.queues) - set(settings.QUEUES):
        yield checks.Error(
            f"POOLS[{name!r}] serves {', '.join(sorted(unknown))}, which is not in QUEUES",
            hint=f"Its queues are some of {', '.join(settings.QUEUES)}.",
            id="workers.E007",
        )
    if not 0 <= pool.minimum <= pool.maximum:
        yield checks.Error(
            f"POOLS[{name!r}] has a minimum of {pool.minimum} processes, a maximum of {pool.maximum}",
            hint="The minimum is not above the maximum.",
            id="workers.E008",
        )
    yield from faults_of_scaling(pool)


def faults_of_slots(pool: pools_.Pool) -> Iterator[checks.CheckMessage]:
    """By which its workers would never run some of what they serve."""
    if pool.slots < 1:
        yield checks.Error(
            f"POOLS[{pool.name!r}] has no slots: its workers would run nothing",
            hint="Set slots to the number of turns that one process may run at a time.",
            id="workers.E002",
        )
    slots = pool.reserved.values()
    if min(slots, default=0) < 0 or sum(slots) > pool.slots or pool.reserved.keys() - pool.queues:
        yield checks.Error(
            f"POOLS[{pool.name!r}] reserves slots that it has not, or for a queue that it has not",
            hint=f"It has {pool.slots} slots for {', '.join(pool.queues)}.",
            id="workers.E005",
        )
    shared = pool.slots - sum(pool.reserved.values())
    if shared == 0 and (left_out := [one for one in pool.queues if not pool.reserved.get(one)]):
        yield checks.Error(
            f"POOLS[{pool.name!r}] reserves all its slots and none for {', '.join(left_out)}",
            hint="Leave a slot that is not reserved, or reserve one for each queue.",
            id="workers.E013",
        )


def faults_of_scaling(pool: pools_.Pool) -> Iterator[checks.CheckMessage]:
    """By which its autoscaler would do nothing, or nonsense."""
    rule = pool.scaling
    least = (rule.lower, rule.up_cooldown, rule.down_cooldown, rule.step - 1)
    if min(least) < 0 or rule.upper <= rule.lower:
        yield checks.Error(
            f"POOLS[{pool.name!r}] has a scaling that contradicts itself: {rule}",
            hint="upper is above lower, step is 1 or more, nothing is below 0.",
            id="workers.E009",
        )
    if rule.signal not in pools_.SIGNALS and not exists(rule.signal.rpartition(".")[0]):
        yield checks.Error(
            f"POOLS[{pool.name!r}] scales by {rule.signal!r}, which does not exist",
            hint=f"Name one of {', '.join(pools_.SIGNALS)}, or a function's dotted path.",
            id="workers.E012",
        )


@checks.register
def tiers(app_configs: Apps, **options: Any) -> Iterator[checks.CheckMessage]:
    """Whoever is given a tier is a user, and it is one."""
    known = (*TIERS, AUTO)
    for owner, tier in settings.OWNER_TIERS.items():
        if tier not in known or not owner.isdecimal():
            yield checks.Error(
                f"OWNER_TIERS[{owner!r}] is {tier!r}, which is no tier of a user's id",
                hint=f"Write the id of a user and one of {', '.join(known)}.",
                id="workers.E014",
            )


@checks.register
def deployments(app_configs: Apps, **options: Any) -> Iterator[checks.CheckMessage]:
    """Each pool has its own, or two would be scaled against one another."""
    try:
        found = {settings.KUBERNETES_DEPLOYMENT.format(pool=pool) for pool in settings.POOLS}
    except (LookupError, ValueError):
        found = set()
    if len(found) < len(settings.POOLS):
        yield checks.Error(
            f"KUBERNETES_DEPLOYMENT is {settings.KUBERNETES_DEPLOYMENT!r}, the same for all pools",
            hint="Write {pool} where the name of the pool belongs.",
            id="workers.E015",
        )


@checks.register
def job_class(app_configs: Apps, **options: Any) -> Iterator[checks.CheckMessage]:
    """Also RQ's stock workers run allowed functions only."""
    if settings.RQ.get("JOB_CLASS") != JOB_CLASS:
        yield checks.Error(
            f"RQ['JOB_CLASS'] is not {JOB_CLASS}: a stock worker would call whatever Redis names",
            hint=f"Set it to {JOB_CLASS}.",
            id="workers.E004",
        )

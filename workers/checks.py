"""System checks of the engine room's settings; each says the mend."""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks

JOB_CLASS = "workers.queues.TurnJob"
SERIALIZER = "rq.serializers.JSONSerializer"

Apps = Sequence[AppConfig] | None


@checks.register
def paths(app_configs: Apps, **options: Any) -> Iterator[checks.CheckMessage]:
    """Dotted paths lead somewhere. Nothing is imported: a task may bring heavy libraries."""
    named = [("WORKER_TASKS", task) for task in settings.WORKER_TASKS]
    for setting, path in [*named, ("WORKER_SWEEP", settings.WORKER_SWEEP)]:
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
    """Each pool has room for work and a queue."""
    for pool, told in settings.POOLS.items():
        if told.get("slots", 0) < 1:
            yield checks.Error(
                f"POOLS[{pool!r}] has no slots: its workers would run nothing",
                hint="Set slots to the number of turns that one process may run at a time.",
                id="workers.E002",
            )
        if settings.RQ_QUEUES.get(pool, {}).get("SERIALIZER") != SERIALIZER:
            yield checks.Error(
                f"RQ_QUEUES has no queue {pool!r} with the SERIALIZER {SERIALIZER}",
                hint="Without it the admin reads jobs with pickle, and fails.",
                id="workers.E003",
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

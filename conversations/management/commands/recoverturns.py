"""`manage.py recoverturns`: one sweep by hand."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError
from redis import RedisError

from conversations import recovery
from conversations.models import Turn
from workers import queues
from workers.fleet import sweep
from workers.management.plain import PlainCommand

HELP = """
Does once what every worker does several times a second, and says what it did:

  1. Workers whose lease is over count as dead: their rows are deleted.
  2. Running turns without a live worker go back to the queue. A turn that lost two workers goes
     to the pool `quarantine`, after five it ends as failed with the code worker_lost.
  3. Waiting turns that nobody answered in time end as failed with the code expired.
  4. Queued turns that no worker has been told of are hinted to one.

The exit status is 1 where a turn could not be moved or Redis cannot be reached.

It needs no live worker, and no session of its own to PostgreSQL: it works behind a pooler. It may
be run at any time, beside workers and twice; turns of live workers are left alone.

Where turns stay queued although this command hints them, no worker serves their pool: start one
with `manage.py agentworker --pool NAME`.
"""


class Command(PlainCommand):
    """For the day on which no worker lives, or nobody believes that one does."""

    help = HELP

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="say it as one JSON object")
        parser.add_argument(
            "--hints", type=int, default=1000, help="turns that are hinted at most (1000)"
        )

    def handle(self, *args: Any, hints: int, **options: Any) -> None:
        look = sweep.expired()
        buried = sweep.bury(look)
        swept = recovery.sweep(hints)
        self.tell(
            {
                "buried": buried,
                **asdict(swept),
                "live_workers": look.live,
                "running": Turn.objects.filter(state=Turn.State.RUNNING).count(),
                "queued": Turn.objects.filter(state=Turn.State.QUEUED).count(),
            },
            as_json=options["json"],
        )
        if problems := [*unmoved(swept.failed), *untold()]:
            raise CommandError(" ".join(problems))

    def tell(self, done: dict[str, Any], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(done))
            return
        names = f": {', '.join(done['buried'])}" if done["buried"] else ""
        self.stdout.write(f"Dead workers buried: {len(done['buried'])}{names}")
        self.stdout.write(f"Running turns without a worker: {done['requeued']} queued again,")
        self.stdout.write(f"  {done['ended']} ended as worker_lost or cancelled")
        self.stdout.write(f"Waiting turns that nobody answered in time: {done['expired']} ended")
        self.stdout.write(f"Queued turns hinted to a worker again: {done['hinted']}")
        self.stdout.write(
            f"Now {done['live_workers']} workers live, {done['running']} turns run, "
            f"{done['queued']} wait"
        )


def unmoved(failed: int) -> Iterator[str]:
    """What to do about turns that are left where they were."""
    if failed:
        yield (
            f"{failed} running turns without a worker could not be moved: the log says why "
            "(turn_not_requeued). Run this command again when that is mended."
        )


def untold() -> Iterator[str]:
    """Without Redis no hint goes out; the rows are right all the same."""
    try:
        queues.depth("default")
    except RedisError as error:
        yield (
            f"Redis cannot be reached ({type(error).__name__}): no worker was told. Workers do "
            "it by themselves, or run this command again, when it is back."
        )

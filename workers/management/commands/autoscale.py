"""`manage.py autoscale`: keep every pool as large as its work needs."""

import signal
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from workers.autoscaler.control import Autoscaler
from workers.management.plain import PlainCommand
from workers.pools import pools

HELP = """
Looks at every pool of settings.POOLS, decides how many processes it needs, and has the launcher
start or drain them. Runs until SIGTERM or SIGINT.

What is compared is the pool's signal, for one process:
  depth  jobs that wait (the default)
  age    seconds that the oldest of them waits
  slots  the part of the slots that is in use; above 1 when jobs wait
  or the dotted path of a function (pool, demand) -> number

Above `upper` the pool grows, by `step` processes at most; below `lower`, for the whole of
`down_cooldown`, it shrinks; after each change it rests for `up_cooldown` until it may grow and for
`down_cooldown` until it may shrink; `minimum` and `maximum` are kept in any case. A pool that is
paused is left as it is. All of this stands in settings.POOLS, a pool's thresholds under `scaling`.

Each change is a row (in the admin under Scaling decisions, on its page Operations) and a log line
`scaling_decided` with its reason; so is, as a line only, each new reason to change nothing.

settings.LAUNCHER says who starts and drains:
  workers.launchers.local.LocalProcesses    processes of this machine, supervised. They are
      written down in LAUNCHER_FOLDER: an autoscaler that was killed leaves them at work, and the
      next one goes on with them.
  workers.launchers.kubernetes.Deployments  the scale of a Deployment for each pool, named by
      KUBERNETES_DEPLOYMENT in KUBERNETES_NAMESPACE.

Start as many as you like: one decides for a pool at a time, the others stand by.
"""


def positive(word: str) -> float:
    if (number := float(word)) <= 0:
        raise ArgumentTypeError("must be above 0")
    return number


class Command(PlainCommand):
    """One process of it is enough, two survive the loss of one."""

    help = HELP

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--pool",
            action="append",
            choices=sorted(settings.POOLS),
            help="only this one; may be given several times (all)",
        )
        parser.add_argument(
            "--every", type=positive, default=2.0, help="seconds between two looks (2)"
        )
        parser.add_argument(
            "--once", action="store_true", help="look once; what was started goes on running"
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="only say what it would do; also beside another autoscaler",
        )
        parser.add_argument(
            "--leave-running",
            action="store_true",
            help="when told to stop, leave local processes to the next autoscaler",
        )

    def handle(self, *args: Any, pool: list[str] | None, every: float, **options: Any) -> None:
        chosen = [one for name, one in pools().items() if name in (pool or settings.POOLS)]
        launcher = import_string(settings.LAUNCHER)()
        autoscaler = Autoscaler(chosen, launcher, dry_run=options["dry_run"])
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: autoscaler.stop())
        if options["once"]:
            autoscaler.look()
        else:
            autoscaler.run(seconds=every)
        autoscaler.close(leave_running=options["once"] or options["leave_running"])

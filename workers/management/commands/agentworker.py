"""`manage.py agentworker --pool NAME`: a worker that runs many turns at once."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from workers.pools import pools
from workers.worker import open_worker


class Command(BaseCommand):
    """The short form of `rqworker --worker-class workers.worker.AgentWorker <queue>`."""

    help = "Runs the turns of one pool, many at once, until SIGTERM or SIGINT."

    def add_arguments(self, parser: ArgumentParser) -> None:
        mine = sorted(name for name, pool in pools().items() if not pool.forking)
        parser.add_argument("--pool", default="default", choices=mine, help="of settings.POOLS")
        parser.add_argument("--name", help="shown by RQ, with a digest of the process added")
        parser.add_argument("--burst", action="store_true", help="end when the queue is empty")

    def handle(self, *args: Any, pool: str, name: str | None, burst: bool, **options: Any) -> None:
        open_worker(pool, name=name).work(burst=burst)

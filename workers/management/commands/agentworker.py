"""`manage.py agentworker --pool NAME`: a worker of a pool."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from workers.worker import open_worker


class Command(BaseCommand):
    """The short form of `rqworker --worker-class ... <queues>`."""

    help = "Runs the turns of one pool until SIGTERM or SIGINT: many at once, or each in a child."

    def add_arguments(self, parser: ArgumentParser) -> None:
        known = sorted(settings.POOLS)
        parser.add_argument("--pool", default="default", choices=known, help="of settings.POOLS")
        parser.add_argument("--name", help="shown by RQ, with a digest of the process added")
        parser.add_argument("--burst", action="store_true", help="end when the queue is empty")

    def handle(self, *args: Any, pool: str, name: str | None, burst: bool, **options: Any) -> None:
        open_worker(pool, name=name).work(burst=burst)

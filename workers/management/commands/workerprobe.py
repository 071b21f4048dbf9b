"""`manage.py workerprobe --live | --ready`: see `workers.health.probe`."""

import sys
from argparse import ArgumentParser, Namespace
from typing import Any

from django.core.management.base import BaseCommand

from workers.health import probe


class Command(BaseCommand):
    """The long way round, for `django-admin` and `manage.py help`; `manage.py` takes the short one."""

    help = probe.HELP
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        probe.arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        line, is_well = probe.answer(Namespace(**options))
        self.stdout.write(line)
        if not is_well:
            sys.exit(1)

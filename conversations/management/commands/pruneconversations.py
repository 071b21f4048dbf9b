"""`manage.py pruneconversations`: delete what has been kept for long enough."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from conversations import retention
from conversations.management import numbers

BATCH = 500


class Command(BaseCommand):
    """For a timer: once a day, say."""

    help = (
        "Deletes conversations in which nobody has written for RETENTION_DAYS, with their turns "
        "and messages. One with a message that is still to be answered stays. It may be stopped "
        "at any time: what is deleted is deleted, and the next call finds the rest."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=numbers.days, help="instead of RETENTION_DAYS")
        parser.add_argument("--dry-run", action="store_true", help="only count them")
        parser.add_argument(
            "--batch",
            type=numbers.between(1, 100_000),
            default=BATCH,
            help=f"for one line of progress ({BATCH})",
        )

    def handle(self, *args: Any, days: int | None, batch: int, **options: Any) -> None:
        days = days or settings.RETENTION_DAYS
        if not days:
            self.stdout.write("RETENTION_DAYS is not set: conversations are kept for ever")
            return
        before = timezone.now() - timedelta(days=days)
        found = retention.expired(before).count()
        self.stdout.write(f"{found} conversations are older than {days} days")
        if not options["dry_run"]:
            self.prune(retention.prune(before, batch=batch), found)

    def prune(self, batches: Any, found: int) -> None:
        deleted = 0
        try:
            for count in batches:
                deleted += count
                self.stdout.write(f"{deleted} of {found} deleted")
        except KeyboardInterrupt:
            self.stdout.write("stopped; call it again for the rest")
        self.stdout.write(f"deleted {deleted}, kept {max(found - deleted, 0)} that are in use")

"""`manage.py createapikey USER`: a key for a program that speaks for somebody."""

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from conversations import keys
from conversations.management import numbers
from conversations.models import Scope


class Command(BaseCommand):
    """Prints the key once, alone on standard output; only its hash is kept."""

    help = "Make an API key for a user; it is printed once and cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="name of the user for whom the key speaks")
        parser.add_argument("--name", default="command line", help="what the key is for")
        parser.add_argument(
            "--days", type=numbers.days, help="days until it expires; never without it"
        )
        parser.add_argument("--scope", action="append", choices=Scope.values, default=[])
        parser.add_argument(
            "--requests-per-minute", type=numbers.between(0, 2**31 - 1), help="0: as many as come"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        users = get_user_model()
        try:
            owner = users.objects.get_by_natural_key(options["user"])
        except users.DoesNotExist:
            raise CommandError(f"There is no user {options['user']!r}.") from None
        days = options["days"]
        key, secret = keys.make(
            owner.pk,
            name=options["name"],
            scopes=options["scope"],
            expires=timezone.now() + timedelta(days=days) if days else None,
            requests_per_minute=options["requests_per_minute"],
        )
        self.stderr.write(f"Key {key.prefix}… for {owner}; keep it, it is shown only now:")
        self.stdout.write(secret)

"""A child of the local stack: brings the tables up to date and makes the demo account."""

import os

import django
from django.contrib.auth import get_user_model
from django.core.management import call_command


def ensure_account(name: str, password: str) -> None:
    """A superuser with this password."""
    users = get_user_model()
    user, _ = users.objects.get_or_create(
        **{users.USERNAME_FIELD: name}, defaults={"is_staff": True, "is_superuser": True}
    )
    if not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentsite.settings")
    django.setup()
    call_command("migrate", verbosity=0, interactive=False)
    ensure_account(os.environ["DEMO_USER"], os.environ["DEMO_PASSWORD"])

"""Puts the seeded bug in."""

import os

from django.apps import AppConfig


class Buggy(AppConfig):
    """Breaks one promise in this process."""

    name = "tests.chaos.buggy"

    def ready(self) -> None:
        from tests.chaos.buggy import bugs  # noqa: PLC0415 - imports models

        getattr(bugs, os.environ["CHAOS_BUG"])()

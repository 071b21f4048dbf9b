"""Registers the application with Django."""

from django.apps import AppConfig


class WorkersConfig(AppConfig):
    """Worker processes."""

    name = "workers"

    def ready(self) -> None:
        from workers import checks  # noqa: F401, PLC0415 - registers them

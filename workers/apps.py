"""Registers the application with Django."""

from django.apps import AppConfig


class WorkersConfig(AppConfig):
    """Worker processes."""

    name = "workers"

    def ready(self) -> None:
        from workers import checks  # noqa: F401, PLC0415 - registers them
        from workers.agents import checks as of_agents  # noqa: F401, PLC0415

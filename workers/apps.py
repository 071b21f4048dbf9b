"""Registers the application with Django."""

from django.apps import AppConfig


class WorkersConfig(AppConfig):
    """Worker processes."""

    name = "workers"

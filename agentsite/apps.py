"""The site as a Django application: it brings the system checks."""

from django.apps import AppConfig


class AgentsiteConfig(AppConfig):
    """The site itself."""

    name = "agentsite"

    def ready(self) -> None:
        from agentsite import checks  # noqa: F401, PLC0415 - registers them

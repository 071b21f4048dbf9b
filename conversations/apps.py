"""Registers the application with Django."""

from django.apps import AppConfig


class ConversationsConfig(AppConfig):
    """Conversations, their turns and messages."""

    name = "conversations"

    def ready(self) -> None:
        from conversations.sockets import sessions, standing  # noqa: F401, PLC0415 - their receivers
        from conversations.stores import orphans  # noqa: PLC0415 - needs the models

        orphans.watch()

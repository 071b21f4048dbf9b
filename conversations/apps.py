"""Registers the application with Django."""

from django.apps import AppConfig


class ConversationsConfig(AppConfig):
    """Conversations, their turns and messages."""

    name = "conversations"
